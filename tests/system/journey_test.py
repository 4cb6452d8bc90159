"""The whole way of a baton through real processes: flagged, delivered, taken,
decided, and a record that a stranger can verify."""

import queue
import unittest

from baton.v1 import (audit_service_pb2, conversation_pb2, emergency_service_pb2,
                      message_pb2, waiting_pb2)
from baton_audit import AuditLog
from baton_city import until
from baton_rpc import Caller
from baton_test import CityTest
from baton_words import (COUNCIL, HOSPITAL, INTAKE, NURSE, WORKER, flag_request,
                         new_id)

Type = audit_service_pb2.AuditType
REFERENCE = "ED-2026-000123"


class Intake:
    """A council's own system on StreamIntake, which acknowledges on demand."""

    def __init__(self, caller, consumer, credit):
        self._requests = queue.Queue()
        self._requests.put({"consumer": consumer,
                            "max_outstanding_messages": credit})
        self._responses = caller.stream("CouncilService/StreamIntake",
                                        iter(self._requests.get, None),
                                        timeout=60)

    def next_message(self):
        for response in self._responses:
            if response.HasField("message"):
                return response.message
        raise AssertionError("the intake stream ended")

    def next_heartbeat(self):
        response = next(self._responses)
        assert not response.HasField("message"), \
            f"offered {response.message.message_id} beyond the credit"
        return response

    def acknowledge(self, message):
        self._requests.put({"acknowledge_message_ids": [message.message_id]})

    def close(self):
        self._requests.put(None)
        self._responses.cancel()


class JourneyTest(CityTest):

    def setUp(self):
        self.city = self.new_city("journey")
        self.city.start()
        self.hospital = self.enterContext(Caller(self.city, HOSPITAL))
        self.council = self.enterContext(Caller(self.city, COUNCIL))

    def status(self):
        return self.hospital.call("EmergencyService/GetWaiting",
                                  sender_reference=REFERENCE).status

    def status_when(self, condition, what):
        return until(lambda: (lambda status: condition(status) and status)(
            self.status()), what)

    def flag(self):
        answer = self.hospital.call("EmergencyService/FlagWaiting",
                                    **flag_request(REFERENCE)).status
        self.assertEqual(answer.sender_reference, REFERENCE)
        if answer.outbox_state == emergency_service_pb2.OUTBOX_STATE_HELD:
            self.assertIn("NOT SENT, ring 0115 496 0200", answer.headline)
        status = self.status_when(lambda seen: seen.matter.HasField("delivered"),
                                  "the flag is delivered")
        self.assertEqual(status.headline, "in their system; nobody has looked")
        self.assertEqual(status.matter.matter_id, status.conversation_id + ".1")
        return status

    def follow(self, method, **fields):
        self.hospital.call(f"EmergencyService/{method}", request_id=new_id(),
                           sender_reference=REFERENCE, actor=NURSE, **fields)

    def test_flagged_delivered_taken_decided_and_ended(self):
        flagged = self.flag()
        matter_id = flagged.matter.matter_id

        listed = self.council.call("CouncilService/ListIntake").items
        self.assertEqual([item.matter_id for item in listed], [matter_id])
        self.assertFalse(listed[0].opened)

        intake = Intake(self.council, "case-system", credit=1)
        self.addCleanup(intake.close)
        flag = intake.next_message()
        self.assertEqual(flag.kind, message_pb2.MESSAGE_KIND_WAITING_FLAG)
        self.assertEqual(flag.sender.code, "RX1RA")
        said = waiting_pb2.WaitingFlag.FromString(flag.payload[0].content)
        self.assertEqual(said.child.names[0].given, "Mia")

        opened = self.council.call("CouncilService/OpenMatter",
                                   matter_id=matter_id, actor=WORKER)
        self.assertEqual([message.message_id for message in opened.messages],
                         [flag.message_id])
        self.status_when(lambda seen: seen.matter.HasField("first_read"),
                         "the hospital hears that somebody looked")
        self.council.call("CouncilService/TakeMatter", request_id=new_id(),
                          taken={"matter_id": matter_id, "worker": WORKER})
        taken = self.status_when(lambda seen: seen.matter.HasField("taken"),
                                 "the hospital hears that it was taken")
        self.assertIn("taken by A. Fenwick, duty social worker "
                      "(asserted by E06000018)", taken.headline)

        self.follow("MoveWaiting", moved={"location": "RX1RA ward D33"})
        self.follow("UpdateWaiting", update={"note": {"value": "asleep"}})
        until(lambda: self.council.call("CouncilService/ListIntake")
              .items[0].message_count == 3, "the council has all three")
        # Credit for one: the next comes when the first is acknowledged.
        intake.next_heartbeat()
        intake.acknowledge(flag)
        moved = intake.next_message()
        self.assertEqual(moved.kind, message_pb2.MESSAGE_KIND_WAITING_MOVED)
        intake.acknowledge(moved)
        self.assertEqual(intake.next_message().kind,
                         message_pb2.MESSAGE_KIND_WAITING_UPDATE)

        self.council.call(
            "CouncilService/DecideMatter", request_id=new_id(),
            decision={"matter_id": matter_id, "worker": WORKER,
                      "outcome": "OUTCOME_STRATEGY_DISCUSSION_SECTION_47",
                      "reason": "stays with the council",
                      "next_step": "Strategy discussion tonight"})
        self.status_when(lambda seen: seen.matter.HasField("decided"),
                         "the hospital hears the decision")
        self.follow("EndWaiting", end={
            "end_reason": "WAITING_END_REASON_DISCHARGED",
            "destination": {"value": "a foster home"},
            "taken_by": {"value": "her social worker"}})
        ended = self.status_when(
            lambda seen: seen.ended and not seen.held_messages,
            "the end is with the exchange")

        self.check_receipts(flagged, ended)
        self.check_timeline(ended)
        self.check_audit(ended)

    def check_receipts(self, flagged, ended):
        matter = ended.matter
        self.assertEqual(matter.state, conversation_pb2.MATTER_STATE_DECIDED)
        self.assertEqual(matter.delivered, flagged.matter.delivered)
        self.assertEqual(matter.taken.actor.name, "A. Fenwick")
        self.assertEqual(matter.decision.next_step, "Strategy discussion tonight")
        self.assertNotIn("stays with the council", str(matter))
        received = matter.received_time.ToNanoseconds()
        before = 0
        for name in ("delivered", "first_read", "taken", "decided"):
            receipt = getattr(matter, name)
            self.assertEqual(receipt.agency.code, "E06000018", name)
            elapsed = getattr(ended, f"{name}_after").ToNanoseconds()
            self.assertEqual(elapsed,
                             receipt.time.ToNanoseconds() - received, name)
            self.assertGreater(elapsed, before, name)
            before = elapsed
        self.assertGreaterEqual(ended.waiting_for.ToSeconds(), 3 * 3600)

    def check_timeline(self, ended):
        kinds = ["WAITING_FLAG", "TAKEN", "WAITING_MOVED", "WAITING_UPDATE",
                 "DECISION", "WAITING_END"]
        settled = until(
            lambda: (lambda entries: len(entries) == len(kinds) and all(
                delivery.state == 4 for entry in entries
                for delivery in entry.deliveries) and entries)(
                    self.council.call("TrackingService/ListTimeline",
                                      conversation_id=ended.conversation_id)
                    .entries),
            "every copy is acknowledged")
        self.assertEqual([message_pb2.MessageKind.Name(entry.kind)
                          for entry in settled],
                         [f"MESSAGE_KIND_{kind}" for kind in kinds])
        self.assertEqual([(delivery.queue, delivery.delivery_attempt)
                          for delivery in settled[0].deliveries], [(INTAKE, 1)])
        with Caller(self.city, "police-E23000019") as police:
            with self.assertRaisesRegex(Exception, "NOT_FOUND"):
                police.call("TrackingService/ListTimeline",
                            conversation_id=ended.conversation_id)

    def check_audit(self, ended):
        audit = AuditLog(self.hospital)
        older = audit.checkpoint()
        with self.assertRaisesRegex(Exception, "PERMISSION_DENIED"):
            self.hospital.call("BrokerService/Pull", queue=INTAKE,
                               max_messages=1)
        newer = audit.checkpoint()
        self.assertGreater(newer.size, older.size)
        leaves = audit.leaves()[:newer.size]
        self.assertEqual(len(leaves), newer.size)
        for index, leaf in enumerate(leaves):
            audit.check_included(index, leaf, newer)
        audit.check_extends(older, newer)
        with self.assertRaisesRegex(AssertionError, "is not in the tree"):
            audit.check_included(1, leaves[1] + b"\x00", newer)

        entries = [audit_service_pb2.AuditEntry.FromString(leaf)
                   for leaf in leaves]
        self.assertEqual([entry.index for entry in entries],
                         list(range(newer.size)))
        matter = ended.matter
        for name in ("delivered", "first_read", "taken", "decided"):
            receipt = getattr(matter, name)
            entry = entries[receipt.audit_index]
            wanted = {"first_read": "READ"}.get(name, name.upper())
            self.assertEqual(Type.Name(entry.type), f"AUDIT_TYPE_{wanted}")
            self.assertEqual(entry.time, receipt.time)
        types = [Type.Name(entry.type)[len("AUDIT_TYPE_"):] for entry in entries]
        self.assertEqual(types.count("PUBLISHED"), 6)
        self.assertEqual(types.count("DENIED"), 1)
        for personal in (b"Mia", b"Example", b"Fenwick", b"ED-2026"):
            self.assertFalse([leaf for leaf in leaves if personal in leaf])
        self.city.baton("council", "audit", "verify")


if __name__ == "__main__":
    unittest.main()
