"""Compares the quiet city with what the oracle knows."""

import collections
import difflib
import time

from baton.v1 import audit_service_pb2, broker_service_pb2
from baton_audit import AuditLog
from baton_city import until
from week_agencies import PATIENCE, PROCESSES, SCHOOL, name_of
from week_alerts import alert_key, expected_alerts
from week_custody import Custody, queue_of
from week_desk import InboxStream, kind_of

_ACKNOWLEDGED = broker_service_pb2.DELIVERY_STATE_ACKNOWLEDGED
_DEAD = broker_service_pb2.DELIVERY_STATE_DEAD_LETTERED
_UNKNOWN = "council/E10000024/intake"  # Owns what is for nobody known.
_NOTICES = "exchange/BATON/notices"  # Nobody reads it.


class Verdict:
    """Finds everything that was lost, doubled or out of order; every problem
    goes to the oracle."""

    def __init__(self, city, agencies, desks, drive, oracle):
        self.city, self.agencies, self.desks = city, agencies, desks
        self.drive, self.oracle = drive, oracle
        self.timelines = {}  # Entries, by case.
        self.notes = {}  # Entries about an alert, by its matter.
        self.custody = Custody(agencies, oracle, self._expect)

    def reach(self):
        for case in self.oracle.cases():
            conversation_id = self.drive.await_conversation(case)
            self.timelines[case] = self._await_timeline(case, conversation_id)
        self._check_alerts()
        self._check_inboxes()
        for case, conversation_id in self.oracle.sample():
            self.custody.check(case, conversation_id)
        for agency in self.desks:
            self.custody.check_rows(agency)
        self._check_attention()
        self._check_audit()
        self._check_queues()

    def _expect(self, what, wanted, got, case=None):
        if wanted != got:
            lines = difflib.unified_diff(
                str(wanted).splitlines(), str(got).splitlines(), "wanted",
                "got", lineterm="", n=2)
            self.oracle.problem("\n  ".join([f"{what}:", *lines]), case)

    # --- The exchange has what was accepted, once and in order.

    def _await_timeline(self, case, conversation_id):
        """The entries, once as much is there as was accepted and every copy
        is settled."""
        said = self.oracle.calls_of(case)
        accepted = sum(map(len, said.values()))
        deadline = time.monotonic() + PATIENCE
        while True:
            entries = list(self.agencies.pages(
                case[0], "TrackingService/ListTimeline", "entries",
                conversation_id=conversation_id))
            if len(entries) >= accepted and self._settled(entries, case):
                break
            if time.monotonic() > deadline:
                self.oracle.problem(
                    f"{conversation_id} is not settled after {PATIENCE} s",
                    case)
                break
            time.sleep(0.05)
        self._check_said(case, said, entries)
        self._check_addressed(case, entries)
        self._expect(f"senders in {conversation_id}", sorted(said),
                     sorted({name_of(entry.sender) for entry in entries}), case)
        return entries

    def _check_said(self, case, said, entries):
        """What an agency says about one matter keeps its order."""
        matters = sorted({matter_id for entry in entries
                          for matter_id in entry.matter_ids})
        for agency, calls in said.items():
            for matter_id in matters:
                child = int(matter_id.rpartition(".")[2])
                self._expect(
                    f"messages of {agency} about {matter_id}",
                    [call.token for call in calls if call.concerns(child)],
                    [entry.actor.team for entry in entries
                     if name_of(entry.sender) == agency
                     and matter_id in entry.matter_ids], case)

    def _check_addressed(self, case, entries):
        """The council asked to act has it; who raised it is answered."""
        wanted = _asked(self.oracle.calls_of(case)[case[0]][0])
        for entry in entries:
            agencies = {delivery.queue.rpartition("/")[0]
                        for delivery in entry.deliveries}
            if entry is entries[0] and wanted and wanted not in {
                    delivery.queue for delivery in entry.deliveries}:
                self.oracle.problem(f"{entry.message_id} went past {wanted}",
                                    case)
            if kind_of(entry) in ("TAKEN", "DECISION") and (
                    case[0] not in agencies):
                self.oracle.problem(f"{entry.message_id} is no answer to "
                                    f"{case[0]}", case)

    def _settled(self, entries, case):
        states = {delivery.state for entry in entries
                  for delivery in entry.deliveries
                  if delivery.queue != _NOTICES}
        if _DEAD in states:
            self.oracle.problem("a dead letter", case)
        return states <= {_ACKNOWLEDGED}

    # --- Schools: one alert for every cause, taken once.

    def _check_alerts(self):
        wanted = expected_alerts(self.oracle, self.timelines)
        def shown():
            items = list(self.agencies.pages(
                SCHOOL, "SchoolService/ListAlerts", "alerts",
                include_taken=True))
            return items if len(items) >= sum(wanted.values()) else None
        try:
            items = until(shown, "alerts", PATIENCE)
        except AssertionError:
            items = list(self.agencies.pages(
                SCHOOL, "SchoolService/ListAlerts", "alerts",
                include_taken=True))
        got = collections.Counter(map(alert_key, items))
        self._expect("alerts too few", {}, dict(wanted - got))
        self._expect("alerts too many", {}, dict(got - wanted))
        for item in items:
            until(lambda item=item: item.matter_id in
                  self.desks[SCHOOL].matters("ALERT"), "alert", PATIENCE)
        self.drive.take_alerts()
        for item in items:
            self.notes[item.matter_id] = self._check_alert(item.matter_id)

    def _check_alert(self, matter_id):
        """Said once by the exchange, taken once by the school."""
        def entries():
            found = list(self.agencies.pages(
                SCHOOL, "TrackingService/ListTimeline", "entries",
                conversation_id=matter_id.rpartition(".")[0]))
            return found if len(found) > 1 and self._settled(found, None) else (
                None)
        found = until(entries, f"{matter_id} is taken", PATIENCE)
        self._expect(f"messages about the alert {matter_id}",
                     ["ALERT", "TAKEN"], [kind_of(entry) for entry in found])
        return found

    # --- Recipients have what the exchange delivered, once and in order.

    def _entries(self):
        for case, entries in self.timelines.items():
            for entry in entries:
                yield case, entry
        for entries in self.notes.values():
            for entry in entries:
                yield None, entry

    def _check_inboxes(self):
        wanted = {agency: {} for agency in self.desks}
        for case, entry in self._entries():
            for delivery in entry.deliveries:
                agency = delivery.queue.rpartition("/")[0]
                if delivery.queue != _NOTICES:
                    wanted[agency][entry.message_id] = case
        for agency, messages in wanted.items():
            self._check_inbox(agency, messages)

    def _check_inbox(self, agency, wanted):
        """A new consumer is offered everything; the list says whether that was
        all."""
        messages = self._replay(agency, len(wanted))
        ids = [message.message_id for message in messages]
        for message_id, count in collections.Counter(ids).items():
            self._expect(f"offers of {message_id} to {agency}", 1, count,
                         wanted.get(message_id))
        for message_id in wanted.keys() - set(ids):
            self.oracle.problem(f"{message_id} is lost to {agency}",
                                wanted[message_id])
        self._expect(f"{agency} got what nobody sent", set(),
                     set(ids) - wanted.keys())
        self._expect(f"first offers to {agency}", ids,
                     self.desks[agency].offered)
        self._check_order(agency, messages, wanted)
        rows = self.agencies.pages(agency, "CaseService/ListInbox", "items",
                                   include_settled=True)
        self._expect(
            f"messages that {agency} counts by matter",
            collections.Counter(matter_id for message in messages
                                for matter_id in message.matter_ids),
            collections.Counter({row.matter_id: row.message_count
                                 for row in rows}))

    def _replay(self, agency, count):
        """As many messages as there should be; fewer when nothing came
        between two heartbeats."""
        stream = InboxStream(self.agencies.callers[agency], "verdict", 1000)
        messages, before = [], None
        for message in stream if count else ():
            if message is not None:
                messages.append(message)
            if len(messages) == (count if message else before):
                break
            if message is None:
                before = len(messages)
        stream.close()
        return messages

    def _check_order(self, agency, messages, cases):
        """What one sender says about one matter arrives in its order. Ids grow
        with the commits of the exchange."""
        last = {}
        for message in messages:
            for matter_id in message.matter_ids:
                key = matter_id, name_of(message.sender)
                number = _number(message.message_id)
                if last.get(key, 0) >= number:
                    self.oracle.problem(
                        f"{message.message_id} came too late to {agency}",
                        cases.get(message.message_id))
                last[key] = number

    # --- Everything else.

    def _check_attention(self):
        """What was refused was resolved, and nothing else was refused."""
        for agency in self.desks:
            items = self.agencies.insist(agency,
                                         "CaseService/ListRefused").items
            self._expect(f"refused at {agency}", [], list(items))

    def _check_audit(self):
        audit = AuditLog(self.agencies.callers["council/E06000018"])
        entries = audit.entries()
        self._expect("indices of the audit log", list(range(len(entries))),
                     [entry.index for entry in entries])
        times = [entry.time.ToNanoseconds() for entry in entries]
        self._expect("times of the audit log", sorted(times), times)
        published = collections.Counter(
            message_id for entry in entries
            if entry.type == audit_service_pb2.AUDIT_TYPE_PUBLISHED
            for message_id in entry.message_ids)
        self._expect("published leaves", collections.Counter(
            entry.message_id for _, entry in self._entries()), published)
        held = collections.defaultdict(list)
        for entry in entries:
            if (entry.type == audit_service_pb2.AUDIT_TYPE_HOLDER_CHANGED
                    and entry.matter_id in self.custody.holders):
                held[entry.matter_id].append(queue_of(entry.holder))
        self._expect("holders in the audit log", self.custody.holders,
                     dict(held))
        denied = sum(entry.type == audit_service_pb2.AUDIT_TYPE_DENIED
                     for entry in entries)
        if denied < sum(call.forbidden for call in self.oracle.refused):
            self.oracle.problem(f"only {denied} refusals have a leaf")
        self.city.baton("council", "audit", "verify")

    def _check_queues(self):
        """With nobody else consuming, nothing is left to pull."""
        queues = {delivery.queue for _, entry in self._entries()
                  for delivery in entry.deliveries} - {_NOTICES}
        self.city.stop("emergency", "council", "police", "school-123401",
                       "council-E10000024")
        for name in sorted(queues):
            left = self.agencies.insist(
                name.rpartition("/")[0], "BrokerService/Pull", queue=name,
                max_messages=10).received_messages
            self._expect(f"left in {name}", [],
                         [received.message.message_id for received in left])


def _asked(opening):
    """The queue of the council that an opening call asks to act; None when a
    rule of the exchange says where it goes."""
    if any(child.get("staff_allegation") for child in opening.children()):
        return None
    recipient = opening.fields.get("recipient")
    if not recipient:
        return "council/E06000018/intake"
    agency = f"council/{recipient['agency']['code']}"
    known = agency in PROCESSES
    return f"{agency}/{recipient['desk']}" if known else _UNKNOWN


_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32.


def _number(message_id):
    number = 0
    for digit in message_id.removeprefix("m-"):
        number = number * 32 + _DIGITS.index(digit)
    return number
