"""An exchange and its agency services: real processes with real certificates
and disks, in a directory of their own under /tmp."""

import atexit
import functools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("BATON_BIN", ROOT / "build/release/bin"))
# In the order of their ports, as in deploy/city.
EVERYBODY = ("broker", "emergency", "council", "police", "school-123401",
             "council-E10000024")
# The broker's admin listener: the ports after theirs.
ADMIN = ("http", "grpc")
# What most tests need, and all that start() starts.
SERVICES = EVERYBODY[:3]
_PORT_TRIES = 20

# Ends with its standard input, which nobody but the test holds, and takes the
# services with it: also when the test itself was killed.
_WATCHDOG = """
while read -r line; do :; done
for file in "$0"/*.pid; do
  [ -s "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null
done
[ -e "$0/keep" ] || rm -rf "$0"
"""


def clock_ahead(by):
    """The environment of a process whose clock is `by` ("10m") ahead."""
    library, = pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {"LD_PRELOAD": str(library), "FAKETIME": f"+{by}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


def until(condition, what, seconds=30):
    """What `condition` returns once that is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"still not after {seconds} s: {what}")
        time.sleep(0.02)


def _free_base():
    """A port that is free now, as are those of everybody after it. Below the
    range that the kernel hands out."""
    while True:
        count = len(EVERYBODY + ADMIN)
        base = random.SystemRandom().randrange(15000, 32000, count)
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, one in enumerate(sockets):
                one.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()


@functools.lru_cache(None)
def _certificates():
    """Made once in this process, because it takes a second."""
    made = tempfile.TemporaryDirectory(prefix="baton-certs-")
    atexit.register(made.cleanup)
    subprocess.run([ROOT / "deploy/make-certs", made.name, "--bad"],
                   check=True, stdout=subprocess.DEVNULL)
    return made.name


class City:
    """Prepared when made, with the certificates that make-certs --bad makes
    too. Removed at the end, unless keep() was called."""

    def __init__(self, name):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"baton-{name}-"))
        self._watchdog = subprocess.Popen(
            ["sh", "-c", _WATCHDOG, str(self.directory)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        self.base = _free_base()
        shutil.copytree(_certificates(), self.directory / "certs")
        self._prepare()

    def _prepare(self):
        self._city("prepare", str(self.base))

    def _city(self, command, *arguments, environment=None):
        said = self.directory / "city.log"
        with open(said, "ab") as log:
            done = subprocess.run(
                [ROOT / "deploy/city", command, self.directory, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "BATON_BIN": str(BIN),
                     **(environment or {})}, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"deploy/city {command}: "
                               + said.read_text()[-2000:])

    def start(self, *services, environment=None):
        """Of SERVICES when none is named. Another process may take a port
        between looking and binding: before the first start, tries another."""
        services = services or SERVICES
        for left in reversed(range(_PORT_TRIES)):
            try:
                return self._city("start", *services, environment=environment)
            except RuntimeError as error:
                taken = "cannot listen" in str(error)
                if not taken or not left or (self.directory / "started").exists():
                    raise
                self.stop()
                self.base = _free_base()
                self._prepare()
            finally:
                if all(self.pid(name) for name in services):
                    (self.directory / "started").touch()

    def stop(self, *services):
        self._city("stop", *services)

    def kill(self, *services):
        """SIGKILL, all of them before any is waited for."""
        pids = [self.pid(name) for name in services]
        for pid in filter(None, pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pid in filter(None, pids):
            until(lambda pid=pid: not self._runs(pid), f"{pid} is killed")

    def pid(self, service):
        try:
            return int((self.directory / f"{service}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    @staticmethod
    def _runs(pid):
        """False once all of its threads have ended: until then it has its
        files, although the first thread is a zombie."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                zombie = stat.read().rpartition(")")[2].split()[0] == "Z"
            return not zombie or len(os.listdir(f"/proc/{pid}/task")) > 1
        except (FileNotFoundError, ProcessLookupError):
            return False

    def runs(self, service):
        return self._runs(self.pid(service))

    def port(self, service):
        return self.base + EVERYBODY.index(service)

    def admin_port(self, protocol):
        return self.base + len(EVERYBODY) + ADMIN.index(protocol)

    def log(self, service):
        file = self.directory / f"{service}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def make_certs(self, *arguments):
        subprocess.run([ROOT / "deploy/make-certs", self.directory / "certs",
                        *arguments], check=True, stdout=subprocess.DEVNULL)

    def edit(self, name, old, new):
        """Replaces text of a configuration file; it must be there."""
        file = self.directory / name
        text = file.read_text()
        assert old in text, f"{name} has no {old!r}"
        file.write_text(text.replace(old, new))

    def baton(self, who, *arguments, check=True, environment=None):
        """The command line, as the actor of client-<who>.txtpb."""
        done = subprocess.run(
            [BIN / "baton", "--config",
             self.directory / f"client-{who}.txtpb", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=120, check=False,
            env={**os.environ, **(environment or {})})
        if check and done.returncode != 0:
            raise AssertionError(f"baton {' '.join(arguments)} ended with "
                                 f"{done.returncode}: {done.stdout}{done.stderr}")
        return done

    def keep(self):
        (self.directory / "keep").touch()

    def close(self):
        self._watchdog.stdin.close()
        self._watchdog.wait()
        if not (self.directory / "keep").exists():
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()
