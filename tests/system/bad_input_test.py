"""What a broken or hostile caller sends to real processes: refused whole, with
every fault, a leaf and nothing stored; or accepted and marked, because a typo
must not lose a child."""

import hashlib
import queue
import ssl
import unittest

from baton.v1 import (audit_service_pb2, emergency_service_pb2, identifier_pb2,
                      message_pb2)
from baton_audit import AuditLog
from baton_city import until
from baton_rpc import Caller, Refused, build
from baton_test import CityTest
from baton_words import (COUNCIL, COUNTY, COUNTY_INTAKE, HOSPITAL, INTAKE,
                         POLICE, council_address, encoded, envelope, flag_part,
                         flag_request, new_id)

NHS_NUMBER = "999 000 0018"
TWO_URIS, NO_URI, OTHER_DOMAIN = "bad/two-uris", "bad/no-uri", "bad/other-domain"


def key_id(city, identity):
    """As in AuditEntry.actor_key_id: what `openssl x509 -fingerprint` shows."""
    pem = (city.directory / "certs" / f"{identity}.pem").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()[:8]


class Refusing(CityTest):
    """A city in which only the exchange runs."""

    def setUp(self):
        self.town = self.new_city("refuse")
        self.town.start("broker")
        self.hospital = self.caller(HOSPITAL)
        self.council = self.caller(COUNCIL)
        self.audit = AuditLog(self.caller(COUNTY))

    def caller(self, identity):
        return self.enterContext(Caller(self.town, identity))

    def publish(self, *messages, sender=None):
        return (sender or self.hospital).call(
            "BrokerService/Publish", messages=list(messages)).receipts

    def pull(self, name=INTAKE, caller=None, **more):
        return (caller or self.council).call(
            "BrokerService/Pull", queue=name, max_messages=10,
            **more).received_messages

    def assert_refused(self, code, call, *arguments, identity=HOSPITAL,
                       fields=(), leaf="Publish", leaf_code=None, **named):
        """`call` is refused with `code`, names exactly `fields`, leaves one
        leaf of that, and nothing else."""
        before = self.audit.checkpoint().size
        with self.assertRaises(Refused) as raised:
            call(*arguments, **named)
        refusal = raised.exception
        self.assertEqual(refusal.code, code, refusal.message)
        self.assertEqual(refusal.fields(), list(fields), refusal.message)
        entries = self.audit.entries(before)
        self.assertEqual(
            [(audit_service_pb2.AuditType.Name(entry.type), entry.code)
             for entry in entries],
            [("AUDIT_TYPE_DENIED", f"{leaf_code or code}/{leaf}")]
            if leaf else [])
        if leaf and identity:
            self.assertEqual(entries[0].actor_key_id,
                             key_id(self.town, identity))
        self.assertEqual(list(self.pull()), [])
        return refusal


class UnknownCallerTest(Refusing):

    def test_foreign_and_expired_certificates_do_not_get_past_the_handshake(self):
        """gRPC ends them before any of our code runs: no leaf, as documented
        in services/broker/README.md."""
        for name in ("bad/foreign", "bad/expired"):
            with self.subTest(name):
                refusal = self.assert_refused(
                    "UNAVAILABLE", self.publish, envelope(),
                    sender=self.caller(name), leaf=None)
                self.assertEqual(refusal.details, [])

    def test_a_certificate_that_names_no_single_agency_is_refused(self):
        for name in (TWO_URIS, NO_URI, OTHER_DOMAIN):
            for method, fields in (
                    ("BrokerService/Publish", {"messages": [envelope()]}),
                    ("BrokerService/Pull", {"queue": INTAKE, "max_messages": 1}),
                    ("BrokerService/Acknowledge",
                     {"queue": INTAKE, "ack_ids": ["1"]}),
                    ("TrackingService/GetConversation",
                     {"conversation_id": "c-1"}),
                    ("AuditService/GetCheckpoint", {})):
                with self.subTest(certificate=name, method=method):
                    self.assert_refused(
                        "UNAUTHENTICATED", self.caller(name).call, method,
                        identity=None, leaf=method.partition("/")[2], **fields)

    def test_a_sender_without_a_rule_is_refused(self):
        refusal = self.assert_refused(
            "PERMISSION_DENIED", self.publish, envelope(),
            sender=self.caller(POLICE), identity=POLICE)
        self.assertIn("no rule that lets police/E23000019 send", refusal.message)

    def test_another_agencys_queue_is_refused_whether_it_exists_or_not(self):
        for name in (INTAKE, "council/E06000018/nothing", "no queue"):
            with self.subTest(name):
                self.assert_refused("PERMISSION_DENIED", self.pull, name,
                                    self.hospital, leaf="Pull")


class BadMessageTest(Refusing):

    def test_all_faults_come_in_one_answer(self):
        bad = envelope(purpose="PURPOSE_UNSPECIFIED", idempotency_key="",
                       traceparent="zz", message_id="m-1", format_version=2,
                       environment="ENVIRONMENT_LIVE", recipients=[])
        refusal = self.assert_refused(
            "INVALID_ARGUMENT", self.publish, envelope(), bad,
            fields=[f"messages[1].{field}" for field in (
                "message_id", "purpose", "environment", "format_version",
                "recipients", "idempotency_key", "traceparent")])
        self.assertIn("set by the exchange", refusal.message)

    def test_more_than_the_payload_limit_is_refused(self):
        part = {**flag_part(), "type": "test.Blob",
                "content": encoded(bytes(256 * 1024 + 1))}
        self.assert_refused("INVALID_ARGUMENT", self.publish,
                            envelope(payload=[part]),
                            fields=["messages[0].payload"])

    def test_more_than_one_publish_may_hold_is_refused(self):
        part = {**flag_part(), "type": "test.Blob",
                "content": encoded(bytes(200 * 1024))}
        self.assert_refused(
            "INVALID_ARGUMENT", self.publish,
            *[envelope(payload=[part]) for _ in range(3)], fields=["messages"])

    def test_a_call_larger_than_any_request_is_cut_off_by_grpc(self):
        """Never read into memory as a whole, so there is nothing to make a
        leaf of."""
        part = {**flag_part(), "content": encoded(bytes(2 << 20))}
        self.assert_refused("RESOURCE_EXHAUSTED", self.publish,
                            envelope(payload=[part]), leaf=None)

    def test_text_that_is_not_utf8_in_the_envelope_is_refused(self):
        request = build("BrokerService/Publish", {"messages": [
            envelope(actor={"name": "not~UTF-8"})]}).SerializeToString()
        self.assert_refused("INVALID_ARGUMENT", self.hospital.call,
                            "BrokerService/Publish",
                            request.replace(b"not~", b"not\xff"),
                            fields=["request"])

    def test_text_that_is_not_utf8_inside_a_part_is_refused(self):
        content = build("EmergencyService/FlagWaiting", flag_request(
            "ED~1")).flag.SerializeToString().replace(b"ED~1", b"ED\xff1")
        self.assert_refused(
            "INVALID_ARGUMENT", self.publish,
            envelope(payload=[{**flag_part(), "content": encoded(content)}]),
            fields=["messages[0].payload[0].content"])

    def test_an_nhs_number_outside_the_payload_is_refused(self):
        refusal = self.assert_refused(
            "INVALID_ARGUMENT", self.publish,
            envelope(idempotency_key=NHS_NUMBER.replace(" ", "-"),
                     ordering_key=NHS_NUMBER.replace(" ", ""),
                     attributes={"note": f"child {NHS_NUMBER}"}),
            fields=[f"messages[0].{field}" for field in (
                "idempotency_key", "ordering_key", "attributes")])
        self.assertNotIn("0018", refusal.message)

    def test_the_same_key_with_other_content_is_refused(self):
        first = envelope(code="E10000024")
        receipt, = self.publish(first)
        refusal = self.assert_refused(
            "ALREADY_EXISTS", self.publish,
            {**first, "priority": "PRIORITY_HIGH"},
            leaf="Publish/IDEMPOTENCY_KEY_REUSED")
        self.assertEqual(refusal.detail("ErrorInfo").reason,
                         "IDEMPOTENCY_KEY_REUSED")
        repeat, = self.publish(first)
        self.assertTrue(repeat.repeat)
        self.assertEqual(repeat.message_id, receipt.message_id)
        county = self.caller(COUNTY)
        received, = self.pull(COUNTY_INTAKE, county)
        self.assertEqual(received.message.message_id, receipt.message_id)
        self.assertEqual(list(self.pull(COUNTY_INTAKE, county)), [])

    def test_nothing_of_a_batch_is_kept_when_one_message_is_refused(self):
        self.assert_refused("PERMISSION_DENIED", self.publish, envelope(),
                            envelope(purpose="PURPOSE_CRIME_PREVENTION"))
        self.assert_refused("NOT_FOUND", self.publish, envelope(), envelope(
            conversation_id="c-zz", payload=[]))

    def test_a_custody_decision_by_somebody_else_is_refused(self):
        receipt, = self.publish(envelope())
        received, = self.pull()
        self.council.call("BrokerService/Acknowledge", queue=INTAKE,
                          ack_ids=[received.ack_id])
        self.assert_refused(
            "NOT_FOUND", self.caller(POLICE).call,
            "TrackingService/RecordFirstRead", identity=POLICE,
            leaf="RecordFirstRead", matter_id=receipt.matter_ids[0],
            actor={"name": "Somebody"})


class LeaseTest(Refusing):

    def acknowledge(self, ack_id, caller=None, name=INTAKE):
        (caller or self.council).call("BrokerService/Acknowledge",
                                      queue=name, ack_ids=[ack_id])

    def test_an_acknowledgement_that_is_late_is_refused_and_the_message_comes_again(
            self):
        self.publish(envelope())
        first, = self.pull(ack_deadline="10s")
        again, = self.pull(wait="30s")
        self.assertEqual(again.delivery_attempt, 2)
        self.assertEqual(again.message, first.message)
        late = self.assert_refused("FAILED_PRECONDITION", self.acknowledge,
                                   first.ack_id, identity=COUNCIL,
                                   leaf="Acknowledge")
        self.assertIn("ended at 20", late.message)
        violation, = late.detail("PreconditionFailure").violations
        self.assertEqual(violation.subject, first.ack_id)
        self.acknowledge(again.ack_id)
        self.acknowledge(again.ack_id)  # Its answer may have been lost.

    def test_acknowledging_somebody_elses_lease_is_refused(self):
        self.publish(envelope())
        received, = self.pull()
        county = self.caller(COUNTY)
        self.assert_refused("PERMISSION_DENIED", self.acknowledge,
                            received.ack_id, county, identity=COUNTY,
                            leaf="Acknowledge")
        self.assert_refused("FAILED_PRECONDITION", self.acknowledge,
                            received.ack_id, county, COUNTY_INTAKE,
                            identity=COUNTY, leaf="Acknowledge",
                            leaf_code="NOT_FOUND")
        self.acknowledge(received.ack_id)

    def test_an_ack_id_that_is_none_is_refused_and_the_others_are_settled(self):
        self.publish(envelope())
        received, = self.pull()
        with self.assertRaises(Refused) as raised:
            self.council.call("BrokerService/Acknowledge", queue=INTAKE,
                              ack_ids=["nonsense", received.ack_id])
        self.assertEqual(raised.exception.code, "FAILED_PRECONDITION")
        self.assertIn("1 of 2", raised.exception.message)
        self.acknowledge(received.ack_id)

    def test_a_stream_that_acknowledges_what_it_does_not_hold_hears_so(self):
        requests = queue.Queue()
        self.addCleanup(requests.put, None)
        requests.put({"queue": INTAKE, "max_outstanding_messages": 1,
                      "consumer": "test"})
        requests.put({"acknowledge_ids": ["nonsense"]})
        stream = self.council.stream("BrokerService/StreamingPull",
                                     iter(requests.get, None), timeout=30)
        self.addCleanup(stream.cancel)
        settlement = next(answer.settled[0] for answer in stream
                          if answer.settled)
        self.assertFalse(settlement.settled)
        self.assertNotEqual(settlement.error, "")

    def test_bad_limits_of_a_pull_all_come_in_one_answer(self):
        self.assert_refused(
            "INVALID_ARGUMENT", self.council.call, "BrokerService/Pull",
            identity=COUNCIL, leaf="Pull",
            fields=["ack_deadline", "max_messages", "wait"],
            queue=INTAKE, max_messages=0, ack_deadline="1s", wait="3600s")


class AcceptedAndMarkedTest(CityTest):
    """A city in which nobody reads the council's queue but the test."""

    def setUp(self):
        self.town = self.new_city("mark")
        self.town.start("broker", "emergency")
        self.hospital = self.enterContext(Caller(self.town, HOSPITAL))
        self.council = self.enterContext(Caller(self.town, COUNCIL))

    def flagged(self, reference, caller, name, **more):
        """Flags; returns the status, once the exchange has told of custody,
        and the message as the recipient got it."""
        self.hospital.call("EmergencyService/FlagWaiting",
                           **flag_request(reference, **more))

        def told():
            seen = self.hospital.call("EmergencyService/GetWaiting",
                                      sender_reference=reference).status
            return seen.HasField("matter") and seen
        status = until(told, f"the exchange tells who holds {reference}")
        self.assertEqual(status.outbox_state,
                         emergency_service_pb2.OUTBOX_STATE_ACCEPTED)
        received, = caller.call("BrokerService/Pull", queue=name,
                                max_messages=10, wait="10s").received_messages
        return status, received.message

    def marks(self, *sources):
        return [[(message_pb2.MarkCode.Name(mark.code), mark.field)
                 for mark in source.marks] for source in sources]

    def test_a_wrong_check_digit_is_kept_as_supplied_and_marked(self):
        number = "999 000 0019"
        status, message = self.flagged(
            "ED-1", self.council, INTAKE, flag_fields={
                "child": {"nhs_number": {"value": number}}})
        mark = [("MARK_CODE_FAILED_CHECK", "flag.child.nhs_number")]
        self.assertEqual(self.marks(status, message), [mark, mark])
        content = build("EmergencyService/FlagWaiting", {}).flag
        content.ParseFromString(message.payload[0].content)
        self.assertEqual(content.child.nhs_number.value, number)
        self.assertEqual(content.child.nhs_number.check,
                         identifier_pb2.IDENTIFIER_CHECK_FAILED)

    def test_odd_event_times_are_kept_and_marked(self):
        for number, odd in enumerate(("1999-01-01T00:00:00Z",
                                      "2099-01-01T00:00:00Z")):
            with self.subTest(odd):
                status, message = self.flagged(
                    f"ED-2-{number}", self.council, INTAKE,
                    flag_fields={"arrived_time": {"value": odd}})
                mark = [("MARK_CODE_ODD_TIME", "flag.arrived_time")]
                self.assertEqual(self.marks(status, message), [mark, mark])

    def test_danger_that_overtakes_is_marked_on_the_copy_that_did(self):
        def publish(priority):
            self.hospital.call("BrokerService/Publish", messages=[envelope(
                ordering_key="one", priority=priority)])

        def pull():
            received, = self.council.call(
                "BrokerService/Pull", queue=INTAKE, max_messages=1,
                wait="10s").received_messages
            return received.message

        def overtook(message):
            return any(mark.code ==
                       message_pb2.MARK_CODE_EARLIER_MESSAGE_PENDING
                       for mark in message.marks)

        publish("PRIORITY_ROUTINE")
        self.assertFalse(overtook(pull()))  # Leased, not settled.
        publish("PRIORITY_IMMEDIATE_DANGER")
        danger = pull()
        self.assertEqual(danger.priority,
                         message_pb2.PRIORITY_IMMEDIATE_DANGER)
        self.assertTrue(overtook(danger))

    def test_an_unknown_recipient_is_owned_by_a_named_desk(self):
        with Caller(self.town, COUNTY) as county:
            status, message = self.flagged("ED-3", county, COUNTY_INTAKE,
                                           recipient=council_address("E99999999"))
        self.assertIn(("MARK_CODE_UNKNOWN_RECIPIENT", "recipients[0]"),
                      self.marks(message)[0])
        recipient, = message.recipients
        self.assertEqual(recipient.address.agency.code, "E99999999")
        self.assertEqual(recipient.redirected_to.agency.code, "E10000024")
        self.assertEqual(status.matter.holder.agency.code, "E10000024")
        self.assertIn(("MARK_CODE_UNKNOWN_RECIPIENT", "recipients[0]"),
                      self.marks(status)[0])

    def test_only_the_services_own_agency_may_call_it(self):
        for method, fields in (
                ("FlagWaiting", flag_request("ED-4")), ("ListWaiting", {}),
                ("GetWaiting", {"sender_reference": "ED-4"})):
            with self.subTest(method), self.assertRaises(Refused) as raised:
                self.council.call(f"EmergencyService/{method}", **fields)
            self.assertEqual(raised.exception.code, "PERMISSION_DENIED")
        self.assertFalse(
            self.hospital.call("EmergencyService/ListWaiting").statuses)

    def test_a_flag_that_cannot_be_bounded_is_refused_with_every_fault(self):
        request = flag_request("", recipient=council_address("no code"))
        request["request_id"], request["actor"] = "", {}
        with self.assertRaises(Refused) as raised:
            self.hospital.call("EmergencyService/FlagWaiting", **request)
        self.assertEqual(raised.exception.fields(), [
            "request_id", "flag.sender_reference", "actor.name", "recipient"])

    def test_the_same_request_id_for_another_child_is_refused(self):
        first = flag_request("ED-5")
        self.hospital.call("EmergencyService/FlagWaiting", **first)
        with self.assertRaises(Refused) as raised:
            self.hospital.call("EmergencyService/FlagWaiting", **{
                **flag_request("ED-6"), "request_id": first["request_id"]})
        self.assertEqual(raised.exception.code, "ALREADY_EXISTS")
        with self.assertRaises(Refused) as raised:
            self.hospital.call("EmergencyService/FlagWaiting",
                               **flag_request("ED-5"))
        self.assertEqual(raised.exception.detail("ErrorInfo").reason,
                         "WAIT_IS_OPEN")


if __name__ == "__main__":
    unittest.main()
