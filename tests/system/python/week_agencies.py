"""The agencies of the week, and calls that are repeated until answered."""

import threading
import time

from baton.v1 import agency_pb2
from baton_rpc import Caller, Refused, build

SCHOOL = "school/123401"
# Which process serves whom; the names are those of a plan.
PROCESSES = {"emergency/RX1RA": "emergency", "council/E06000018": "council",
             "police/E23000019": "police", SCHOOL: "school-123401",
             "council/E10000024": "council-E10000024"}
PATIENCE = 120  # Seconds in which anything must come about.
_ONE_TRY = 5  # Seconds until an answer counts as lost.


def name_of(agency):
    """An Agency as a plan writes it."""
    kind = agency_pb2.AgencyClass.Name(agency.agency_class)
    return f"{kind.removeprefix('AGENCY_CLASS_').lower()}/{agency.code}"


class Agencies:
    """One caller for each agency. Thread-safe."""

    def __init__(self, city):
        self.callers = {name: Caller(city, name.replace("/", "-"), own=process)
                        for name, process in PROCESSES.items()}
        self.on_answer = lambda process: None  # Told of every answer.
        self._closed = threading.Event()

    def insist(self, agency, method, request=None, **fields):
        """Repeats one request until it is answered: that it was carried out is
        known only then. Raises Refused when it never will be."""
        if request is None:
            request = build(method, fields)
        caller = self.callers[agency]
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = caller.call(method, request, timeout=_ONE_TRY,
                                     wait_for_ready=True)
                self.on_answer(caller.process(method.partition("/")[0]))
                return answer
            except Refused as refusal:
                if not (refusal.may_have_happened()
                        or refusal.code == "RESOURCE_EXHAUSTED"):
                    raise
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"{agency} calls {method}: no answer in {PATIENCE} s: "
                        f"{refusal}") from None
            self._closed.wait(0.05)

    def pages(self, agency, method, items, **fields):
        """All items of a list that comes in pages."""
        token = ""
        while True:
            page = self.insist(agency, method, page_size=500, page_token=token,
                               **fields)
            yield from getattr(page, items)
            token = page.next_page_token
            if not token:
                return

    def close(self):
        self._closed.set()
        for caller in self.callers.values():
            caller.close()
