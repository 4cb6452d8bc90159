"""Plays a plan: calls begin in its order, as fast as the services answer."""

import heapq
import threading

from baton_city import until
from baton_rpc import Refused
from baton_words import new_id
from week_agencies import PATIENCE, SCHOOL, name_of

_PEOPLE = 12  # Who call at the same time.
# What somebody says about their own case. Nothing has to arrive before.
_OF_OUR_OWN = ("CORRECTION", "WITHDRAWAL", "RECALL", "CHALLENGE")
# What must have arrived before somebody answers it.
_ANSWERED = {"TRANSFER_ACCEPTED": ["TRANSFER_OFFER"],
             "TRANSFER_DECLINED": ["TRANSFER_OFFER"],
             "INFORMATION_RESPONSE": ["INFORMATION_REQUEST"],
             "CHALLENGE_RESPONSE": ["CHALLENGE"]}
_LEAD = {"name": "P. Lindley", "role": "designated safeguarding lead",
         "team": "safeguarding leads", "phone": "0115 496 0411"}


class Drive:
    """People who do what the plan says. The calls of one case follow one
    another; cases go on side by side."""

    def __init__(self, agencies, desks, oracle, calls):
        self.agencies, self.desks, self.oracle = agencies, desks, oracle
        self.alerts_taken = set()  # Matters.
        self.played = 0  # Calls, whatever came of them.
        self._lanes = {}
        for call in calls:
            self._lanes.setdefault(call.case, []).append(call)
        # The next call of every case that nobody is at.
        self._next = [(lane[0].number, case)
                      for case, lane in self._lanes.items()]
        heapq.heapify(self._next)
        self._left = len(self._lanes)
        self._limit = 0
        self._changed = threading.Condition()
        # One refusal at a time at an agency: which it was must be plain.
        self._refusals = {agency: threading.Lock() for agency in desks}
        self._people = [threading.Thread(target=self._work, daemon=True)
                        for _ in range(_PEOPLE)]
        self._lead = threading.Thread(target=self._take_alerts, daemon=True)
        for thread in [*self._people, self._lead]:
            thread.start()

    @property
    def done(self):
        """True when everything was said, or nothing more is worth saying."""
        return not self._left or bool(self.oracle.problems())

    def go_on(self, limit):
        """Calls from this number on are not begun yet."""
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def join(self):
        for thread in self._people:
            thread.join(3 * PATIENCE)
            if thread.is_alive():
                self.oracle.problem("somebody does not come to an end")

    def await_conversation(self, case):
        """The id of a case, once the exchange has it; None when something is
        wrong before."""
        known = self.oracle.conversations.get(case)
        if known:
            return known
        raised_by, reference = case
        def given():
            return not self._wanted() or self.agencies.insist(
                raised_by, "CaseService/GetCase",
                sender_reference=reference).status.conversation_id
        found = until(given, f"{reference} is with the exchange", PATIENCE)
        if found is True:
            return None
        self.oracle.opened(case, found)
        return found

    # --- Who calls when.

    def _work(self):
        while not self.done:
            with self._changed:
                if not self._next or self._next[0][0] >= self._limit:
                    self._changed.wait(0.2)
                    continue
                _, case = heapq.heappop(self._next)
            self._advance(case)

    def _advance(self, case):
        lane = self._lanes[case]
        call = lane.pop(0)
        try:
            self._play(call)
        except (AssertionError, Refused) as error:
            self.oracle.problem(f"{call}: {error}", case)
        with self._changed:
            self.played += 1
            if lane:
                heapq.heappush(self._next, (lane[0].number, case))
            else:
                self._left -= 1
            self._changed.notify_all()

    # --- One call.

    def _play(self, call):
        if call.child is not None and not self._fill_in(call):
            return
        if call.forbidden:
            return self._play_forbidden(call)
        self.oracle.invoked(call)
        try:
            self.agencies.insist(call.agency, call.method, **call.fields)
        except Refused as refusal:
            return self.oracle.was_refused(call, str(refusal))
        self.oracle.answered(call)

    def _wanted(self):
        return not self.oracle.problems()

    def _fill_in(self, call):
        """What only the exchange can give; False when it never comes."""
        conversation_id = self.await_conversation(call.case)
        if not conversation_id:
            return False
        if call.child == 0:
            call.fields["joins_conversation_id"] = conversation_id
            return True
        matter_id = f"{conversation_id}.{call.child}"
        opening = conversation_id.replace("c-", "m-", 1)
        if "correction" in call.fields:
            call.fields["correction"]["corrects_message_id"] = opening
        for said in ("withdrawal", "recall"):
            if said in call.fields:
                call.fields[said]["message_id"] = opening
        if call.method in ("CouncilService/TakeMatter",
                           "CouncilService/DecideMatter"):
            said, = {"taken", "decision"} & call.fields.keys()
            call.fields[said]["matter_id"] = matter_id
        else:
            call.fields["matter_id"] = matter_id
        return call.forbidden or self._has_arrived(call, matter_id)

    def _has_arrived(self, call, matter_id):
        if call.kind in _OF_OUR_OWN:
            return True
        before = (["RECALL"] if call.takes_recall
                  else _ANSWERED.get(call.kind))
        message = self.desks[call.agency].await_message(matter_id, before,
                                                        self._wanted)
        if message and (call.takes_recall or call.kind.endswith("_RESPONSE")):
            call.fields["in_reply_to"] = message.message_id
        return message is not None

    # --- What the exchange refuses.

    def _play_forbidden(self, call):
        """It is refused here; or accepted here, refused there, shown to a
        person with a reason, and withdrawn."""
        if call.kind == "TRIAGE":
            until(lambda: self._holder(call) != call.agency,
                  f"{call.agency} holds it no more", PATIENCE)
        with self._refusals[call.agency]:
            self.oracle.invoked(call)
            try:
                self.agencies.insist(call.agency, call.method, **call.fields)
            except Refused as refusal:
                return self.oracle.was_refused(call, str(refusal))
            item = until(lambda: self._needs_attention(call),
                         f"{call} needs attention", PATIENCE)
            self.oracle.was_refused(call, item.reason)
            if not item.owner.role:
                self.oracle.problem(f"nobody owns the refusal of {call}",
                                    call.case)
            self._withdraw(call, item)

    def _holder(self, call):
        """Who holds the matter that a call is about."""
        conversation = self.agencies.insist(
            call.case[0], "TrackingService/GetConversation",
            conversation_id=self.oracle.conversations[call.case]).conversation
        return name_of(conversation.matters[call.child - 1].holder.agency)

    def _needs_attention(self, call):
        for item in self.agencies.insist(call.agency,
                                         "CaseService/ListRefused").items:
            # About what was received here, it names no reference of ours.
            if item.sender_reference in (call.case[1], ""):
                return item
        return None

    def _withdraw(self, call, item):
        self.agencies.insist(
            call.agency, "CaseService/ResolveRefused", request_id=new_id(),
            outbox_id=item.outbox_id, resolution="RESOLUTION_WITHDRAW",
            actor=call.speaker(), reason="rang them instead")
        self.oracle.note(call.case, f"withdrawn {call}")

    # --- What the school does with alerts.

    def _take_alerts(self):
        while not self.done:
            try:
                self.take_alerts()
            except (AssertionError, Refused) as error:
                self.oracle.problem(f"alerts of {SCHOOL}: {error}")
            with self._changed:
                self._changed.wait(0.2)

    def take_alerts(self):
        """A named person takes every alert that has arrived."""
        for matter_id in self.desks[SCHOOL].matters("ALERT"):
            if matter_id not in self.alerts_taken:
                self.agencies.insist(SCHOOL, "SchoolService/TakeAlert",
                                     request_id=new_id(), actor=_LEAD,
                                     matter_id=matter_id)
                self.alerts_taken.add(matter_id)
