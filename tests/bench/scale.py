"""How Baton does with much in it: messages that nobody took, and queues and
streams that nothing goes through. Part of tests/bench/compare."""

import os
import pathlib
import shutil
import statistics
import subprocess
import threading
import time

from rounds import BUILD, Baton, prepare, run

BACKLOGS = (1_000_000, 10_000_000)
CONVERSATIONS = 28_000
SPARE = 10_000  # A consumer takes some more than it was asked to.
STREAMS = 1_000
COUNCILS, DESKS = 312, 32
IDLE_SECONDS = 20
REST_SECONDS = 120


class Scale:
    """Rows as Round has them; figures are (what, value, unit), bars (what,
    value, limit, whether more is better)."""

    def __init__(self, work, seconds, turns):
        self._work = work
        self._seconds = seconds
        self._turns = turns
        self._empty = None
        self.rows = []
        self.figures = []
        self.bars = []

    def measure(self):
        work = self._work / "empty"
        work.mkdir()
        prepare(work)
        with Baton(work) as self._empty:
            self._empty.phase("setup", 60, f"--conversations={CONVERSATIONS}")
            fill(self._empty, SPARE)
            self._backlogs()
            self._queues_and_streams()

    def _rates(self, name, baton):
        """In turns with an empty exchange, as the machine's pace changes by
        more within minutes than is asked of a backlog."""
        empty = f"empty beside {name}"
        both = [(empty, self._empty), (name, baton)]
        for _ in range(self._turns):
            for title, exchange in both:
                # What one leaves to be flushed and merged must not be the
                # other's work.
                rest(self._empty)
                rest(baton)
                self._turn(title, exchange)
            both.reverse()
        for phase in ("publish_64", "stream_64", "consume"):
            self.bars.append((f"{name}: {phase} / empty",
                              self._rate(f"{name}: {phase}") /
                              self._rate(f"{empty}: {phase}"), 0.8, True))

    def _turn(self, name, baton):
        """Leaves as many messages waiting as there were."""
        before = baton.published

        def show(title, phase, *options):
            row = baton.phase(phase, self._seconds, "--outstanding=64",
                              *options)
            self.rows.append({"name": f"{name}: {title}", **row})

        show("publish_64", "publish", "--messages=1000000")
        show("stream_64", "publish", "--messages=1000000", "--stream=1")
        show("consume", "consume", f"--messages={baton.published - before}")

    def _rate(self, name):
        return statistics.median(float(row["msgs_per_s"])
                                 for row in self.rows if row["name"] == name)

    # Messages that nobody took.

    def _backlogs(self):
        # 64 conversations at a time get 500 messages each, so that none is
        # longer than a real one.
        config = (self._work / "broker.txtpb").read_text()
        (self._work / "scale.txtpb").write_text(
            config.replace("max_messages: 2000000", "max_messages: 20000000")
            .replace("max_bytes: 17179869184", "max_bytes: 68719476736"))
        baton = Baton(self._work, "scale.txtpb")
        baton.phase("setup", 60, f"--conversations={CONVERSATIONS}")
        waiting = 0
        for backlog in BACKLOGS:
            fill(baton, backlog - waiting)
            waiting = backlog
            name = f"{backlog // 1_000_000} M waiting"
            self._memory(name, baton)
            rest(baton)
            self._disk(name)
            self._rates(name, baton)
            baton = self._restart(name, baton)
        self._memory("after the last restart", baton)
        baton.stop()
        shutil.rmtree(self._work / "data")

    def _restart(self, name, baton):
        baton.process.kill()
        baton.process.wait()
        drop_page_cache()
        again = Baton(self._work, "scale.txtpb")
        again.published = baton.published
        ready = time.monotonic() - again.started
        first = {}

        def one(phase, *options):
            again.phase(phase, 60, "--messages=1", *options)
            first[phase] = time.monotonic() - again.started

        threads = [threading.Thread(target=one, args=("publish",)),
                   threading.Thread(target=one, args=("consume",
                                                      "--outstanding=64"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.figures.append((f"{name}: cold restart: listening", ready, "s"))
        for phase, what in (("publish", "first publish acknowledged"),
                            ("consume", "first messages acknowledged")):
            self.bars.append((f"{name}: cold restart: {what}, s", first[phase],
                              10, False))
        return again

    def _memory(self, name, baton):
        for line in pathlib.Path(f"/proc/{baton.pid}/status").read_text(
                ).splitlines():
            key, _, value = line.partition(":")
            if key in ("VmRSS", "RssAnon"):
                self.figures.append((f"{name}: {key}",
                                     int(value.split()[0]) / 1024, "MiB"))

    def _disk(self, name):
        files = [file for file in (self._work / "data").rglob("*")
                 if file.is_file()]
        self.figures.append((f"{name}: on disk",
                             sum(file.stat().st_size
                                 for file in files) / 2**30, "GiB"))
        self.figures.append((f"{name}: tables",
                             sum(file.suffix == ".sst" for file in files), ""))

    # Queues and streams that nothing goes through.

    def _queues_and_streams(self):
        self._write_many()
        with Baton(self._work, "many.txtpb") as baton:
            baton.phase("setup", 60, f"--conversations={CONVERSATIONS}")
            fill(baton, SPARE)
            with subprocess.Popen(
                    [BUILD / "bin/idle_streams", f"--port={baton.port}",
                     f"--certificates={self._work / 'certs'}",
                     f"--streams={STREAMS}", f"--desks={DESKS - 1}"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    text=True) as streams:
                streams.stdout.readline()
                busy = cpu_seconds(baton.pid)
                time.sleep(IDLE_SECONDS)
                busy = cpu_seconds(baton.pid) - busy
                name = f"{COUNCILS * DESKS} queues, {STREAMS} streams"
                self.bars.append((f"{name}: idle CPU, %",
                                  100 * busy / IDLE_SECONDS, 1, False))
                self._memory(name, baton)
                self._rates(name, baton)
                streams.stdin.close()

    def _write_many(self):
        config = (self._work / "broker.txtpb").read_text()
        idle = "".join(f'  desks {{ name: "idle-{i + 1}" }}\n'
                       for i in range(DESKS - 1))
        # After the first desk, which gets what names none.
        head, first, tail = config.partition('  desks { name: "intake"')
        line, _, tail = tail.partition("\n")
        config = head + first + line + "\n" + idle + tail
        config = config.replace("limits {", "limits { max_streams: 1200 "
                                "max_streams_per_agency: 1100 ")
        for council in range(COUNCILS):
            config += (f'agencies {{\n  agency {{ agency_class: '
                       f'AGENCY_CLASS_COUNCIL code: "E06{council + 100:06}" '
                       f'}}\n  phone: "0115 496 0000"\n')
            for desk in range(DESKS):
                config += f'  desks {{ name: "desk-{desk + 1}" }}\n'
            config += "}\n"
        (self._work / "many.txtpb").write_text(config)


def fill(baton, messages):
    if messages > 0:
        baton.phase("publish", 100_000, "--stream=1", "--outstanding=256",
                    f"--messages={messages}")


def rest(baton):
    """Waits until the tables that filling left behind are merged: what waits
    for weeks was not filled in a minute ago."""
    for _ in range(REST_SECONDS):
        busy = cpu_seconds(baton.pid)
        time.sleep(1)
        if cpu_seconds(baton.pid) - busy < 0.05:
            return


def drop_page_cache():
    run("sync")
    if os.geteuid() == 0:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def cpu_seconds(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    return sum(map(int, stat.split()[11:13])) / os.sysconf("SC_CLK_TCK")
