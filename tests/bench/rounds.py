"""What tests/bench/compare runs: the bare ceilings, Baton and the peers, once
round."""

import csv
import io
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "bench"
_PEERS = BUILD / "peers"
_PACKAGES = ("rabbitmq-server nats-server redis-server postgresql etcd-server "
             "etcd-client librabbitmq-dev libnats-dev libhiredis-dev libpq-dev "
             "make pkg-config").split()
ALL_PEERS = ("rabbit rabbit_quorum nats nats_sync redis postgres etcd "
              "etcd3").split()

# The columns of the peers' tables.
HEAD = ("peer phase outstanding messages seconds msgs_per_s pub_p50_us "
         "pub_p99_us e2e_p50_us e2e_p99_us client_cpu_us_per_msg "
         "server_cpu_us_per_msg other_cpu_pct disk_flushes msgs_per_flush "
         "disk_bytes_per_msg steal_s").split()

# --- Programs.


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, **options)


def build(want_peers):
    log = BUILD / "build.log"
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as out:
        try:
            run("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja",
                "-DCMAKE_BUILD_TYPE=Release", stdout=out, stderr=out)
            run("cmake", "--build", BUILD, "--target", "bench", stdout=out,
                stderr=out)
            if want_peers:
                install_packages(out)
                shutil.copytree(ROOT / "tests/bench/peers", _PEERS,
                                dirs_exist_ok=True)
                run("make", "-C", _PEERS, "-j2", "peers", stdout=out,
                    stderr=out)
        except subprocess.CalledProcessError:
            sys.exit(f"compare: the build failed; {log} says why")


def install_packages(out):
    missing = [name for name in _PACKAGES if subprocess.run(
        ["dpkg", "-s", name], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False).returncode != 0]
    if not missing:
        return
    # None of them is to start a service of its own.
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    if os.geteuid() != 0:
        sys.exit("compare: install these first: " + " ".join(missing))
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        policy.chmod(0o755)
    try:
        run("apt-get", "update", stdout=out, stderr=out)
        run("apt-get", "install", "-y", "--no-install-recommends", *missing,
            stdout=out, stderr=out,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if ours:
            policy.unlink()


class Server:
    """A server of ours or a bare one, while it is needed. It is ready once
    `word` stands in `file`."""

    def __init__(self, log, file, word, *command):
        self.started = time.monotonic()
        with open(log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(command, stderr=out)
        while not (file.exists() and word in file.read_text()):
            if time.monotonic() > self.started + 60:
                sys.exit(f"compare: {command[0]} did not start:\n"
                         f"{log.read_text()}")
            time.sleep(0.01)

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Baton(Server):
    """An exchange of ours on the data below `work`, and the phases it is put
    through, which are those of the peers."""

    def __init__(self, work, config="broker.txtpb"):
        self._work = work
        port = work / "port"
        port.unlink(missing_ok=True)
        super().__init__(work / "server.log", port, "\n",
                         BUILD / "bin/baton-broker", "--config", work / config)
        self.port = int(port.read_text())
        self.published = 0

    def phase(self, name, seconds, *options):
        """The table's row of one phase."""
        out = run(BUILD / "bin/peer_baton", f"--phase={name}",
                  f"--port={self.port}", f"--seconds={seconds}",
                  f"--certificates={self._work / 'certs'}",
                  f"--state={self._work / 'conversations'}",
                  f"--server_pids={self.pid}", f"--first={self.published}",
                  *options, stdout=subprocess.PIPE).stdout
        if name == "setup":
            return None
        row = dict(zip(HEAD, out.strip().split("\t")))
        if name != "consume":
            self.published += int(row["messages"])
        return row


def prepare(work):
    """Certificates, under Baton's names and under those of the bare programs,
    and configuration."""
    for config in (ROOT / "tests/bench/config").iterdir():
        shutil.copy(config, work)
    run(ROOT / "deploy/make-certs", work / "certs", stdout=subprocess.DEVNULL)
    (work / "tls").mkdir()
    shutil.copy(work / "certs/ca.pem", work / "tls/ca.pem")
    for kind in ("pem", "key"):
        shutil.copy(work / f"certs/exchange-baton.{kind}",
                    work / f"tls/server.{kind}")
        shutil.copy(work / f"certs/emergency-RX1RA.{kind}",
                    work / f"tls/client.{kind}")


# --- One round.


class Round:
    """Rows of one round: {"name": ..., column: text}."""

    def __init__(self, work, seconds, peers):
        self._work = work
        self._seconds = seconds
        self._peers = peers
        self.rows = []

    def measure(self):
        self._ceilings()
        self._baton()
        if self._peers:
            self._others()

    def _add(self, name, **columns):
        self.rows.append({"name": name, **columns})

    # The bare ceilings.

    def _ceilings(self):
        out = self._client(BUILD / "bin/limit_fsync", f"--dir={self._work}")
        for line in out.splitlines():
            cells = line.split("\t")
            if cells[0] == "append":
                self._add("fdatasync", msgs_per_s=cells[2],
                          pub_p50_us=cells[3], pub_p99_us=cells[4],
                          client_cpu_us_per_msg=cells[6])
        unary = ("--mode=unary_cq",)
        stream = ("--mode=stream", "--batch=16")
        self._bare("bare round trip, 1", ["--mode=cq"], unary, 1)
        self._bare("bare synced batches, 64",
                   ["--mode=durable_cq", "--finisher=1"], unary, 64)
        for window in (64, 256):
            self._bare(f"bare stream of 16, {window}", ["--mode=durable"],
                       stream, window)

    def _bare(self, name, server, client, outstanding):
        port = random.randint(20000, 29999)
        tls = f"--tls={self._work / 'tls'}"
        log = self._work / "server.log"
        with Server(log, log, "ready", BUILD / "bin/limit_grpc_server",
                    f"--port={port}", f"--dir={self._work / 'limit'}", tls,
                    *server) as bare:
            out = self._client(BUILD / "bin/limit_grpc_client",
                               f"--port={port}", f"--server_pids={bare.pid}",
                               f"--outstanding={outstanding}", tls, *client)
        cells = out.strip().split("\t")
        self._add(name, msgs_per_s=cells[4], pub_p50_us=cells[5],
                  pub_p99_us=cells[6], client_cpu_us_per_msg=cells[7],
                  server_cpu_us_per_msg=cells[8])
        shutil.rmtree(self._work / "limit", ignore_errors=True)

    def _client(self, *command):
        return run(*command, f"--seconds={self._seconds}",
                   stdout=subprocess.PIPE).stdout

    # Baton, through the phases of the peers.

    def _baton(self):
        shutil.rmtree(self._work / "data", ignore_errors=True)
        most = "--messages=1000000"
        with Baton(self._work) as baton:
            baton.phase("setup", self._seconds)

            def show(name, phase, *options):
                row = baton.phase(phase, self._seconds, *options)
                self._add(f"baton: {name}", **row)

            for n in (1, 64):
                show(f"publish_{n}", "publish", f"--outstanding={n}", most)
            for n in (64, 256):
                show(f"stream_{n}", "publish", "--stream=1",
                     f"--outstanding={n}", most)
            show("consume", "consume", "--outstanding=64",
                 f"--messages={baton.published}")
            # The peers publish in a pipeline too; one message per call is
            # shown beside it.
            show("both", "both", "--outstanding=64", "--stream=1", most)
            show("both_unary", "both", "--outstanding=64", most)

    # The others: peers.sh runs all of their phases.

    def _others(self):
        out = run(_PEERS / "peers.sh", *self._peers, stdout=subprocess.PIPE,
                  env={**os.environ, "PEERS_SECONDS": str(self._seconds),
                       "PEERS_DIR": str(self._work)}).stdout
        for row in csv.DictReader(io.StringIO(out), delimiter="\t"):
            self._add(f"{row['peer']}: {row['phase']}", **row)
