"""Kills processes of the city, and starts them again."""

import os
import random
import signal
import threading
import time

from baton_city import EVERYBODY, until
from week_agencies import PATIENCE

_AT_AN_ANSWER = 0.8  # The moment when what was promised had better be on disk.
_ONCE_MORE = 0.25  # In the middle of recovery.
_MEANWHILE = 20  # Calls.
_STAYS_AWAY = 0.5  # The exchange, while everybody goes on.


class Killer:
    """Kills `cycles` times, spread at random over a plan of `calls`."""

    def __init__(self, city, agencies, oracle, cycles, calls, seed):
        self.city, self.oracle = city, oracle
        self._rng = random.Random(seed)
        self._calls = calls
        self._moments = sorted(self._rng.randrange(calls)
                               for _ in range(cycles))
        self._armed = {}  # Process ids to kill, by process that answers.
        self._fired = threading.Event()
        agencies.on_answer = self._strike

    def run(self, drive):
        """Returns when all was killed that is to be; the drive goes on to its
        end. While something is down everybody goes on for a while."""
        for moment in self._moments:
            drive.go_on(moment + _MEANWHILE)
            until(lambda moment=moment: drive.done or drive.played >= moment,
                  f"{moment} calls are played", 3 * PATIENCE)
            if drive.done:
                break
            self._cycle()
        drive.go_on(self._calls)

    def _victims(self):
        if self._rng.random() < 0.1:
            return EVERYBODY
        return self._rng.sample(EVERYBODY, self._rng.choice([1, 1, 1, 2, 3]))

    def _cycle(self):
        victims = self._victims()
        if self._rng.random() < _AT_AN_ANSWER:
            self._kill_at_the_next_answer(self._rng.choice(victims), victims)
        self.city.kill(*victims)
        self.oracle.killed(victims)
        if "broker" in victims and self._rng.random() < _STAYS_AWAY:
            self._get_on(3)
        self.city.start(*victims)
        if self._rng.random() < _ONCE_MORE:
            self.city.kill(*victims)
            self.city.start(*victims)

    def _get_on(self, calls):
        """Until so many calls are accepted, or a second has passed: everybody
        may be waiting for the exchange."""
        wanted, deadline = self.oracle.accepted + calls, time.monotonic() + 1
        while self.oracle.accepted < wanted and time.monotonic() < deadline:
            self._fired.wait(0.02)

    def _kill_at_the_next_answer(self, process, victims):
        """Waits at most a second for one."""
        self._fired.clear()
        self._armed = {process: [self.city.pid(victim) for victim in victims]}
        self._fired.wait(1)
        self._armed = {}

    def _strike(self, process):
        for pid in self._armed.pop(process, ()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._fired.set()
