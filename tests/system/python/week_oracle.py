"""What was asked for, what was promised and what was seen, kept outside of the
processes that are killed."""

import collections
import threading
import time


class Oracle:
    """Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._problems = []
        # Lines with their times.
        self._history = collections.defaultdict(list)  # By case.
        self._kills = []
        self._seen = {}  # By place and matter: its version and receipts.
        self.cycle = 0  # Kills so far.
        self.accepted = 0
        self.said = collections.defaultdict(list)  # Calls, by case and agency.
        self.refused = {}  # Reasons, by call.
        self.conversations = {}  # Ids, by case.

    def problem(self, text, case=None):
        """With the history of the case, and the kills meanwhile."""
        with self._lock:
            history = sorted(self._history[case])
            if history:
                history = sorted(history + [kill for kill in self._kills
                                            if kill > history[0]])
            self._problems.append("\n    ".join(
                [f"in cycle {self.cycle}: {text}"]
                + [f"{when:8.3f} s  {line}" for when, line in history]))

    def problems(self):
        with self._lock:
            return list(self._problems)

    def note(self, case, text):
        """A line of the history of a case."""
        with self._lock:
            self._history[case].append((self._now(), text))

    def killed(self, victims):
        with self._lock:
            self.cycle += 1
            self._kills.append((self._now(), f"kill     {', '.join(victims)}"))

    def _now(self):
        return time.monotonic() - self._started

    def invoked(self, call):
        self.note(call.case, f"invoke   {call}")

    def answered(self, call):
        self.note(call.case, f"ok       {call}")
        with self._lock:
            self.accepted += 1
            if call.kind:
                self.said[call.case, call.agency].append(call)

    def was_refused(self, call, reason):
        self.note(call.case, f"refused  {call}: {reason}")
        with self._lock:
            self.refused[call] = reason
        if not reason:
            self.problem(f"{call} was refused without a reason", call.case)
        if not call.forbidden:
            self.problem(f"{call} was refused: {reason}", call.case)

    def opened(self, case, conversation_id):
        self.note(case, f"is {conversation_id}")
        with self._lock:
            self.conversations[case] = conversation_id

    def sample(self):
        """The cases that the exchange has, with their conversations."""
        with self._lock:
            return list(self.conversations.items())

    def cases(self):
        """Those whose opening was accepted."""
        with self._lock:
            return [case for (case, _), calls in self.said.items()
                    if calls[0].opens]

    def calls_of(self, case):
        """What was accepted about a case, by agency."""
        with self._lock:
            return {agency: list(calls)
                    for (one, agency), calls in self.said.items()
                    if one == case}

    def saw(self, case, matter, where):
        """Custody never has a gap or two holders, and a receipt that `where`
        has shown once stays as it was."""
        if not matter.version:
            return  # Not heard of yet.
        for fault in _faults_of_custody(matter):
            self.problem(f"{matter.matter_id} at {where}: {fault}", case)
        receipts = _receipts(matter)
        with self._lock:
            key = where, matter.matter_id
            version, before = self._seen.get(key, (0, {}))
            if matter.version < version:
                return  # Answers overtook one another.
            self._seen[key] = matter.version, receipts
        for name, receipt in before.items():
            if receipts.get(name) != receipt:
                self.problem(f"{matter.matter_id} at {where}: {name} was "
                             f"{receipt} and became {receipts.get(name)}", case)


def _receipts(matter):
    """The receipts of every custody so far. A decision may be followed by a
    later one: only that of a past custody is final."""
    found = {}
    custodies = [*matter.past_custodies, matter]
    for number, custody in enumerate(custodies):
        names = ["delivered", "first_read", "taken"]
        if custody is not matter:
            names.append("decided")
        for name in names:
            if custody.HasField(name):
                receipt = getattr(custody, name)
                found[f"{name} of custody {number}"] = (
                    receipt.time.ToNanoseconds(), receipt.audit_index)
    return found


def _faults_of_custody(matter):
    """One holder at any time, from the moment it was received."""
    since = matter.received_time.ToNanoseconds()
    for past in matter.past_custodies:
        if past.holder_time.ToNanoseconds() != since:
            yield "a gap or an overlap before a past custody"
        since = past.end_time.ToNanoseconds()
    if matter.holder_time.ToNanoseconds() != since:
        yield "a gap or an overlap before the present holder"
    if not matter.HasField("holder"):
        yield "nobody holds it"
