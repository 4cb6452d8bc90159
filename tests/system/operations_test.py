"""What an operator does to real processes, and what goes wrong on a machine:
faulty configuration, renewed certificates, damaged disks."""

import hashlib
import pathlib
import resource
import shutil
import socket
import ssl
import subprocess
import time
import unittest

from baton.v1 import audit_service_pb2, emergency_service_pb2
from baton_audit import AuditLog
from baton_city import BIN, until
from baton_rpc import Caller, Refused
from baton_test import CityTest
from baton_words import (COUNCIL, HOSPITAL, INTAKE, NURSE, envelope,
                         flag_part, flag_request, new_id)


def run(service, *arguments):
    return subprocess.run([BIN / f"baton-{service}", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, timeout=60,
                          check=False)


class ConfigTest(CityTest):

    def setUp(self):
        self.town = self.new_city("config")

    def check(self, service):
        file = self.town.directory / f"{service}.txtpb"
        return run(service, "--config", file, "--check_config")

    def line_of(self, name, text):
        lines = (self.town.directory / name).read_text().splitlines()
        return 1 + next(number for number, line in enumerate(lines)
                        if text in line)

    def test_the_configuration_of_deploy_has_no_faults(self):
        for service in ("broker", "emergency", "council"):
            checked = self.check(service)
            self.assertEqual(checked.returncode, 0, checked.stdout)
            self.assertIn("no faults", checked.stdout)

    def assert_faults(self, service, *faults):
        """Every fault at once, each with its file and line, and exit code 2;
        so does starting without the flag."""
        file = self.town.directory / f"{service}.txtpb"
        for arguments in (["--check_config"], []):
            checked = run(service, "--config", file, *arguments)
            self.assertEqual(checked.returncode, 2, checked.stdout)
            for name, text, fault in faults:
                place = f"{self.town.directory / name}:{self.line_of(name, text)}"
                lines = [line for line in checked.stdout.splitlines()
                         if place in line and fault in line]
                self.assertTrue(lines, f"no '{place} ... {fault}' in:\n"
                                + checked.stdout)

    def test_every_fault_of_the_broker_is_reported_with_its_line(self):
        self.town.edit("broker.txtpb", 'certs/ca.pem', 'certs/nothing.pem')
        self.town.edit("broker.txtpb", "ENVIRONMENT_TRAINING",
                       "ENVIRONMENT_UNSPECIFIED")
        self.town.edit("broker.txtpb", 'code: "RX1RA"', 'code: "rx1ra!"')
        self.town.edit("access.txtpb", 'name: "councils ask partners',
                       'name: "" # "councils ask partners')
        self.assert_faults(
            "broker", ("broker.txtpb", "nothing.pem", "no file"),
            ("broker.txtpb", "ENVIRONMENT_UNSPECIFIED", "environment"),
            ("broker.txtpb", "rx1ra!", "code"),
            ("access.txtpb", 'name: ""', "name"))

    def test_every_fault_of_an_agency_service_is_reported_with_its_line(self):
        for service, role in (("emergency", "nurse in charge"),
                              ("council", "intake manager")):
            name = f"{service}.txtpb"
            with self.subTest(service):
                self.town.edit(name, f'role: "{role}"', 'role: ""')
                self.town.edit(name, "disk.key", "no.key")
                self.assert_faults(
                    service, (name, 'role: ""', "attention_owner"),
                    (name, "no.key", "no file"))

    def test_text_that_is_no_configuration_is_reported_with_line_and_column(self):
        self.town.edit("broker.txtpb", "listen_address:", "listen_adress:")
        self.town.edit("broker.txtpb", "trust_domain:", "trust_domian:")
        self.assert_faults("broker", ("broker.txtpb", "listen_adress", "listen_adress"),
                           ("broker.txtpb", "trust_domian", "trust_domian"))

    def test_a_key_that_others_may_read_is_refused(self):
        (self.town.directory / "certs/vault.key").chmod(0o644)
        started = run("broker", "--config",
                      self.town.directory / "broker.txtpb")
        self.assertNotEqual(started.returncode, 0)
        self.assertIn("chmod 600", started.stdout)


class FullDiskTest(CityTest):
    """The disk takes no more, in the middle of everything: nobody is left
    waiting, and what was answered is there when there is room again. Files that
    may not grow stand for it: for every write that is the same."""

    ROOM = 1 << 20  # The log grows by 256 KiB at a time.
    AT_ONCE = 5  # Seconds.

    def setUp(self):
        self.town = self.new_city("full")
        self.broker = subprocess.Popen(
            [BIN / "baton-broker", "--config",
             self.town.directory / "broker.txtpb"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.broker.kill)
        until(lambda: (self.town.directory / "broker.port").exists(),
              "the broker serves")
        self.published = {}  # Message id by idempotency key.

    def publish(self, hospital, message):
        receipt, = hospital.call("BrokerService/Publish", timeout=self.AT_ONCE,
                                 messages=[message]).receipts
        self.published[message["idempotency_key"]] = receipt.message_id

    @staticmethod
    def message():
        """About a child of its own: what is known of one child is written
        together."""
        name = {"given": new_id()[:8], "family": new_id()[:8]}
        return envelope(ordering_key="",
                        payload=[flag_part(child={"names": [name]})])

    def fill(self, hospital):
        """Publishes until that is refused; the message that was, and how."""
        while True:
            message = self.message()
            try:
                self.publish(hospital, message)
            except Refused as refused:
                return message, refused

    def limit_files(self):
        data = self.town.directory / "data" / "broker"
        largest = max(file.stat().st_size for file in data.rglob("*.log"))
        resource.prlimit(self.broker.pid, resource.RLIMIT_FSIZE,
                         (largest + self.ROOM, resource.RLIM_INFINITY))

    def test_a_send_is_answered_and_nothing_is_lost(self):
        with Caller(self.town, HOSPITAL) as hospital:
            for _ in range(20):
                self.publish(hospital, self.message())
            self.limit_files()
            unanswered, refused = self.fill(hospital)
        self.assertEqual(refused.code, "UNAVAILABLE", refused.message)
        self.assertEqual(self.broker.wait(self.AT_ONCE), 1)
        self.assertIn("File too large", self.broker.stderr.read())
        self.assertGreater(len(self.published), 100)

        begun = time.monotonic()
        self.town.start("broker")
        with Caller(self.town, HOSPITAL) as hospital, \
                Caller(self.town, COUNCIL) as council:
            self.publish(hospital, unanswered)
            self.assertLess(time.monotonic() - begun, 60)
            pulled = []
            while len(pulled) < len(self.published):
                pulled += council.call("BrokerService/Pull", queue=INTAKE,
                                       max_messages=256, wait="10s"
                                       ).received_messages
        self.assertEqual(
            sorted(received.message.message_id for received in pulled),
            sorted(self.published.values()))


class DamagedDiskTest(CityTest):
    """After a clean stop, every file in turn is cut short, flipped in its
    middle, or gone: the service refuses to start, and says what and how to
    recover; or, where the file matters to nobody, starts with everything."""

    def setUp(self):
        self.town = self.new_city("damage")
        self.town.start("broker", "emergency")
        with Caller(self.town, HOSPITAL) as hospital:
            for number in range(40):
                hospital.call("EmergencyService/FlagWaiting",
                              **flag_request(f"ED-{number}"))
            until(lambda: all(
                status.outbox_state == emergency_service_pb2.OUTBOX_STATE_ACCEPTED
                for status in hospital.call(
                    "EmergencyService/ListWaiting").statuses),
                  "all are with the exchange")
            self.size = AuditLog(hospital).checkpoint().size
        self.town.stop()
        self.town.start("broker", "emergency")  # Makes tables of the log.
        with Caller(self.town, HOSPITAL) as hospital:
            hospital.call("EmergencyService/UpdateWaiting",
                          request_id=new_id(), sender_reference="ED-0",
                          actor=NURSE, update={"note": {"value": "asleep"}})
            until(lambda: AuditLog(hospital).checkpoint().size > self.size,
                  "the update is with the exchange")
        self.town.stop()
        self.backup = self.town.directory / "backup"
        shutil.copytree(self.town.directory / "data", self.backup)

    def restore(self):
        shutil.rmtree(self.town.directory / "data")
        shutil.copytree(self.backup, self.town.directory / "data")
        # Another history begins, which `audit verify` would rightly call one.
        (self.town.directory / "checkpoint").unlink(missing_ok=True)

    def damaged(self, service):
        """Damages one file after the other; yields what was done."""
        root = self.backup / service
        for kept in sorted(root.rglob("*")):
            if not kept.is_file() or kept.name in ("LOCK", "IDENTITY"):
                continue
            if kept.name.startswith(("LOG", "OPTIONS")) or not kept.stat().st_size:
                continue  # Written anew at each start; nothing is read of it.
            file = self.town.directory / "data" / kept.relative_to(self.backup)
            content = kept.read_bytes()
            middle = len(content) // 2
            for how, damage in (
                    ("cut short", content[:middle]),
                    ("flipped", content[:middle]
                     + bytes([content[middle] ^ 0x55]) + content[middle + 1:]),
                    ("gone", None)):
                self.restore()
                if damage is None:
                    file.unlink()
                else:
                    file.write_bytes(damage)
                yield f"{service}: {kept.relative_to(root)} {how}"

    def check(self, service, whole):
        for what in self.damaged(service):
            with self.subTest(what):
                try:
                    self.town.start(service)
                    whole()
                except RuntimeError:
                    self.assert_says_how_to_recover(service)
                except (AssertionError, Refused) as lack:
                    # Found after the start, by the scrub: then it ends.
                    until(lambda: not self.town.runs(service),
                          f"{service} ends, which lacks something: {lack}")
                    self.assert_says_how_to_recover(service)
                self.town.kill(service)

    def assert_says_how_to_recover(self, service):
        said = self.town.log(service).splitlines()[-1]
        self.assertRegex(said, "is damaged|is not in it|vault: .*;")
        self.assertIn("restore the newest backup", said)

    def test_an_assertion_of_rocksdb_is_explained(self):
        """It reads the count of restarts in the properties of a table before it
        checks that block."""
        self.restore()
        table = min((self.town.directory / "data/broker").rglob("*.sst"))
        content = bytearray(table.read_bytes())
        properties = content.index(b"rocksdb.block.based.table")
        one_restart = content.index(bytes(4) + b"\1" + bytes(4), properties) + 4
        content[one_restart + 3] ^= 0x80
        table.write_bytes(content)
        with self.assertRaises(RuntimeError):
            self.town.start("broker")
        self.assertIn("Assertion", self.town.log("broker"))
        self.assert_says_how_to_recover("broker")

    def test_the_exchange_never_serves_less_than_it_acknowledged(self):
        def whole():
            with Caller(self.town, COUNCIL) as council:
                audit = AuditLog(council)
                checkpoint = audit.checkpoint()
                entries = audit.leaves()
                pulled = council.call("BrokerService/Pull", queue=INTAKE,
                                      max_messages=100).received_messages
                self.town.baton("council", "audit", "verify")
                self.assertEqual(len(pulled), 40)
                self.assertGreaterEqual(checkpoint.size, self.size)
                self.assertGreaterEqual(len(entries), self.size)
        self.check("broker", whole)

    def test_an_agency_never_serves_less_than_it_acknowledged(self):
        def whole():
            with Caller(self.town, HOSPITAL) as hospital:
                self.assertEqual(len(hospital.call(
                    "EmergencyService/ListWaiting").statuses), 40)
        self.check("emergency", whole)


class CertificateTest(CityTest):
    """Certificates are renewed by replacing files; nothing is restarted."""

    def setUp(self):
        self.town = self.new_city("renew")
        self.certs = self.town.directory / "certs"
        for name in ("broker", "emergency"):
            self.town.edit(f"{name}.txtpb", "  tls {" if name == "emergency"
                           else "tls {", "tls { refresh_interval { seconds: 1 }")
        self.town.start("broker", "emergency")
        self.started = self.town.pid("broker")

    def fingerprint(self, name):
        pem = (self.certs / f"{name}.pem").read_text()
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()

    def shown(self, service):
        """The certificate a service shows to a new connection, which its own
        authority must vouch for."""
        context = ssl.create_default_context(cafile=self.certs / "ca.pem")
        context.load_cert_chain(self.certs / f"{COUNCIL}.pem",
                                self.certs / f"{COUNCIL}.key")
        with socket.create_connection(
                ("127.0.0.1", self.town.port(service))) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                return hashlib.sha256(tls.getpeercert(True)).digest()

    def renew(self, name):
        (self.certs / f"{name}.pem").unlink()
        self.town.make_certs("--days", "30")
        return self.fingerprint(name)

    def test_a_server_shows_its_renewed_certificate_without_a_restart(self):
        for service, name in (("broker", "exchange-baton"),
                              ("emergency", HOSPITAL)):
            before = self.shown(service)
            self.assertEqual(before, self.fingerprint(name))
            renewed = self.renew(name)
            self.assertNotEqual(before, renewed)
            until(lambda service=service, renewed=renewed:
                  self.shown(service) == renewed,
                  f"{service} shows its renewed certificate")
        self.assertEqual(self.town.pid("broker"), self.started)

    def test_a_service_presents_its_renewed_certificate_when_it_dials_again(self):
        renewed = self.renew(HOSPITAL)
        until(lambda: self.shown("emergency") == renewed, "it has been read")
        self.town.stop("broker")
        self.town.start("broker")
        with Caller(self.town, HOSPITAL) as hospital:
            hospital.call("EmergencyService/FlagWaiting",
                          **flag_request("ED-1"))
            published = until(lambda: [
                entry for entry in AuditLog(hospital).entries()
                if entry.type == audit_service_pb2.AUDIT_TYPE_PUBLISHED],
                              "the flag is published")
        self.assertEqual(published[0].actor_key_id, renewed[:8])

    def test_an_authority_that_is_trusted_no_more_is_refused_without_a_restart(
            self):
        def publish(identity):
            with Caller(self.town, identity) as caller:
                return caller.call("BrokerService/Publish",
                                   messages=[envelope()])

        self.town.stop("broker")
        shutil.copy(self.certs / "ca.pem", self.certs / "trusted.pem")
        self.town.edit("broker.txtpb", "certs/ca.pem", "certs/trusted.pem")
        self.town.start("broker")
        publish(HOSPITAL)
        with self.assertRaises(Refused):
            publish("bad/foreign")
        # Trusts the other authority alone; callers still trust the first.
        replace(self.certs / "trusted.pem",
                (self.certs / "bad/ca.pem").read_text())

        def refused(identity):
            try:
                publish(identity)
                return False
            except Refused as refusal:
                return refusal.code == "UNAVAILABLE"

        until(lambda: refused(HOSPITAL), "the old authority is refused")
        until(lambda: not refused("bad/foreign"), "the new one is trusted")


def replace(file, text):
    """Whole or not at all."""
    part = pathlib.Path(f"{file}.{new_id()}")
    part.write_text(text)
    part.rename(file)


if __name__ == "__main__":
    unittest.main()
