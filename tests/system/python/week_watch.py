"""Looks at how matters stand while everything goes on."""

import random
import threading

from baton.v1 import message_pb2
from week_agencies import PATIENCE
from week_plan import FORBIDDEN_KINDS


class Watch:
    """Asks the exchange, and whoever raised it, about one case after another,
    and shows the oracle; asks agencies what was refused. Until close()."""

    def __init__(self, agencies, oracle, seed):
        self.agencies, self.oracle = agencies, oracle
        self._rng = random.Random(seed)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def close(self):
        self._closed.set()
        self._thread.join(PATIENCE)

    def _look(self):
        try:
            while not self._closed.wait(0.05):
                self._look_at_a_case()
                self._look_at_refusals()
        except Exception as error:  # pylint: disable=broad-except
            self.oracle.problem(f"while watching: {error!r}")

    def _look_at_a_case(self):
        known = self.oracle.sample()
        if not known:
            return
        case, conversation_id = self._rng.choice(known)
        conversation = self.agencies.insist(
            case[0], "TrackingService/GetConversation",
            conversation_id=conversation_id).conversation
        for matter in conversation.matters:
            self.oracle.saw(case, matter, "the exchange")
        status = self.agencies.insist(case[0], "CaseService/GetCase",
                                      sender_reference=case[1]).status
        for shown in status.matters:
            self.oracle.saw(case, shown.matter, case[0])

    def _look_at_refusals(self):
        agency = self._rng.choice(list(self.agencies.callers))
        for item in self.agencies.insist(agency,
                                         "CaseService/ListRefused").items:
            kind = message_pb2.MessageKind.Name(item.kind)
            if kind.removeprefix("MESSAGE_KIND_") not in FORBIDDEN_KINDS:
                self.oracle.problem(f"{agency} was refused {item}",
                                    (agency, item.sender_reference))
