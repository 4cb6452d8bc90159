"""The directory changes while the exchange runs: a school, a council and a
desk come and go, and nothing is restarted."""

import json
import threading
import unittest

import grpc
from baton.v1 import audit_service_pb2
from baton_audit import AuditLog
from baton_city import ROOT
from baton_rpc import Caller, Refused
from baton_test import CityTest
from baton_words import COUNCIL, HOSPITAL, OPERATOR, envelope

REFUSED = 4


class DirectoryTest(CityTest):

    def setUp(self):
        self.town = self.new_city("directory")
        self.town.start("broker")
        self.started = self.town.pid("broker")

    def directory(self, *arguments, who="operator", check=True):
        return self.town.baton(who, "directory", *arguments, check=check)

    def pull(self, identity, queue):
        with Caller(self.town, identity) as caller:
            return caller.call("BrokerService/Pull", queue=queue,
                               max_messages=10).received_messages

    def test_a_school_comes_and_goes_while_the_broker_runs(self):
        added = self.directory("add", "school/123456", "--name",
                               "Example Academy", "--desk", "office")
        self.assertIn("make-certs DIR --add school/123456", added.stdout)
        self.assertTrue(added.stderr.startswith("TRAINING\n"), added.stderr)
        self.town.make_certs("--add", "school/123456")
        self.assertFalse(self.pull("school-123456", "school/123456/office"))
        self.assertIn("Example Academy",
                      self.directory("list", who="council").stdout)

        with Caller(self.town, "school-123456") as school:
            requests = iter([{"queue": "school/123456/office",
                              "max_outstanding_messages": 1,
                              "consumer": "test"}])
            stream = school.stream("BrokerService/StreamingPull",
                                   self.and_wait(requests), timeout=60)
            next(stream)  # A heartbeat: it is open.
            self.directory("remove", "school/123456")
            with self.assertRaises(grpc.RpcError) as ended:
                for _ in stream:
                    pass
            self.assertEqual(ended.exception.code().name,
                             "FAILED_PRECONDITION")
            with self.assertRaises(Refused):
                self.pull("school-123456", "school/123456/office")
        self.assertEqual(self.town.pid("broker"), self.started)

        self.town.stop("broker")
        self.town.start("broker")
        gone = self.directory("show", "school/123456", check=False)
        self.assertNotEqual(gone.returncode, 0)
        with Caller(self.town, OPERATOR) as operator:
            codes = [entry.code for entry in AuditLog(operator).entries()
                     if entry.type == audit_service_pb2.AUDIT_TYPE_POLICY_CHANGED]
        self.assertEqual(len(codes), 2)
        self.assertTrue(codes[0].startswith("PUT_AGENCY/school/123456/v1/"))
        self.assertEqual(codes[1], "REMOVE_AGENCY/school/123456/v2")

    @staticmethod
    def and_wait(requests):
        """Keeps the sending side open; gRPC ends it with the stream."""
        yield from requests
        threading.Event().wait(30)

    def test_a_new_council_gets_its_messages_and_stays_while_it_holds_them(self):
        self.directory("add", "council/E06000015", "--name", "Derby",
                       "--phone", "01332 496 000", "--desk", "intake")
        self.town.make_certs("--add", "council/E06000015")
        with Caller(self.town, HOSPITAL) as hospital:
            receipt, = hospital.call("BrokerService/Publish", messages=[
                envelope("E06000015")]).receipts
        self.assertFalse(receipt.marks)
        refused = self.directory("remove", "council/E06000015", check=False)
        self.assertEqual(refused.returncode, REFUSED)
        self.assertIn(receipt.matter_ids[0], refused.stderr)
        received, = self.pull("council-E06000015",
                              "council/E06000015/intake")
        self.assertEqual(received.message.message_id, receipt.message_id)

    def test_a_desk_is_added_to_an_agency_that_is_at_work(self):
        with self.assertRaises(Refused):
            self.pull(COUNCIL, "council/E06000018/duty")
        self.directory("add", "council/E06000018", "--desk", "intake",
                       "--desk", "duty")
        self.assertFalse(self.pull(COUNCIL, "council/E06000018/duty"))
        self.directory("add", "council/E06000018", "--desk", "intake")
        with self.assertRaises(Refused):
            self.pull(COUNCIL, "council/E06000018/duty")

    def test_only_operators_change_it(self):
        refused = self.directory("add", "council/E06000018", "--desk", "attic",
                                 who="council", check=False)
        self.assertEqual(refused.returncode, REFUSED)
        self.assertIn("only an operator", refused.stderr)

    def test_the_example_table_is_imported_and_a_repeat_changes_nothing(self):
        table = str(ROOT / "deploy/examples/organisations.csv")
        planned = self.directory("import", table, "--dry-run")
        self.assertIn("nothing was changed", planned.stdout)
        self.directory("import", table)
        again = self.directory("import", table)
        self.assertIn("0 imported, 7 unchanged", again.stdout)
        shown = json.loads(self.town.baton(
            "operator", "-o", "json", "directory", "show",
            "council/W06000015").stdout)
        self.assertEqual(shown["environment"], "training")
        self.assertTrue(shown["off_exchange"])
        school = self.directory("show", "school/123456").stdout
        self.assertIn("office safeguarding-lead", school)


if __name__ == "__main__":
    unittest.main()
