"""The audit log seen by somebody who trusts nobody: RFC 6962 proofs with
hashlib, the checkpoint's signature with openssl."""

import base64
import hashlib
import pathlib
import subprocess
import tempfile

from baton.v1 import audit_service_pb2

_ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")
_ED25519 = b"\x01"


def leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves):
    """The root over exact leaf bytes, RFC 6962 section 2.1."""
    if len(leaves) <= 1:
        return leaf_hash(leaves[0]) if leaves else hashlib.sha256().digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return _node(root_of(leaves[:split]), root_of(leaves[split:]))


def check_inclusion(leaf, index, size, proof, root):
    """RFC 9162 section 2.1.3.2."""
    assert index < size
    at, last, digest = index, size - 1, leaf_hash(leaf)
    for step in proof:
        assert last > 0, "the inclusion proof is too long"
        if at & 1 or at == last:
            digest = _node(step, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = _node(digest, step)
        at, last = at >> 1, last >> 1
    assert last == 0, "the inclusion proof is too short"
    assert digest == root, f"leaf {index} is not in the tree of {size}"


def check_consistency(first, first_root, second, second_root, proof):
    """RFC 9162 section 2.1.4.2."""
    assert 0 < first <= second
    if first == second:
        assert not proof and first_root == second_root
        return
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path.pop(0)
    for step in path:
        assert last > 0, "the consistency proof is too long"
        if at & 1 or at == last:
            old, new = _node(step, old), _node(step, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = _node(new, step)
        at, last = at >> 1, last >> 1
    assert last == 0, "the consistency proof is too short"
    assert old == first_root, "the old tree is not a prefix"
    assert new == second_root, "the proof does not end in the new root"


class Checkpoint:
    """A signed note (C2SP tlog-checkpoint); raises unless the signature is by
    the verifier key."""

    def __init__(self, note, verifier_key):
        self.note = note
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        self.origin, size, root = text.splitlines()[:3]
        self.size, self.root = int(size), base64.b64decode(root)
        name, key_id, key = verifier_key.strip().split("+", 2)
        public = base64.b64decode(key)
        assert public[:1] == _ED25519, "the verifier key is not Ed25519"
        identity = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
        assert identity.hex() == key_id and self.origin == name
        dash, signer, signature = signatures.splitlines()[0].split(" ")
        signature = base64.b64decode(signature)
        assert (dash, signer, signature[:4]) == ("—", name, identity)
        _check_ed25519(public[1:], text.encode(), signature[4:])


def _check_ed25519(public, text, signature):
    with tempfile.TemporaryDirectory() as scratch:
        files = {}
        for name, content in (("key", _ED25519_PREFIX + public),
                              ("text", text), ("signature", signature)):
            files[name] = pathlib.Path(scratch, name)
            files[name].write_bytes(content)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER",
             "-inkey", files["key"], "-rawin", "-in", files["text"],
             "-sigfile", files["signature"]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"checkpoint signature: {done.stdout!r}"


class AuditLog:
    """What an agency can ask of the exchange's audit log."""

    def __init__(self, caller):
        self._caller = caller
        self._key = (caller.city.directory / "certs/checkpoint.pub").read_text()

    def checkpoint(self):
        return Checkpoint(
            self._caller.call("AuditService/GetCheckpoint").checkpoint,
            self._key)

    def leaves(self, start=0):
        """Exact bytes of every entry from `start` on."""
        found = []
        while True:
            page = self._caller.call("AuditService/ListEntries",
                                     start_index=start + len(found)).entries
            if not page:
                return found
            found.extend(page)

    def entries(self, start=0):
        return [audit_service_pb2.AuditEntry.FromString(leaf)
                for leaf in self.leaves(start)]

    def check_included(self, index, leaf, checkpoint):
        proof = self._caller.call("AuditService/GetInclusionProof",
                                  index=index, tree_size=checkpoint.size)
        check_inclusion(leaf, index, checkpoint.size, proof.hashes,
                        checkpoint.root)

    def check_extends(self, older, newer):
        proof = self._caller.call(
            "AuditService/GetConsistencyProof", first_tree_size=older.size,
            second_tree_size=newer.size)
        check_consistency(older.size, older.root, newer.size, newer.root,
                          proof.hashes)
