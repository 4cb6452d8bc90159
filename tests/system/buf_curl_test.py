"""The journey again with a client nobody here wrote: `buf curl`, in JSON, over
mutual TLS, from proto/ alone."""

import json
import os
import subprocess
import unittest

from baton_city import ROOT, until
from baton_rpc import PORTS
from baton_test import CityTest
from baton_words import (COUNCIL, COUNTY, COUNTY_INTAKE, HOSPITAL, INTAKE, NURSE,
                         WORKER, envelope, flag_request, new_id)

BUF = os.environ.get("BATON_BUF", ROOT / "build/node/node_modules/.bin/buf")
REFERENCE = "ED-1"


class BufCurlTest(CityTest):

    def setUp(self):
        self.town = self.new_city("buf")
        self.schema = self.town.directory / "proto.binpb"
        subprocess.run([BUF, "build", ROOT / "proto", "-o", self.schema],
                       check=True)
        self.town.start()

    def buf(self, identity, method, **fields):
        """The answer, or the error: {"code": ..., "message": ...}."""
        service = method.partition("/")[0]
        certs = self.town.directory / "certs"
        done = subprocess.run(
            [BUF, "curl", "--schema", self.schema, "--protocol", "grpc",
             "--cacert", certs / "ca.pem", "--cert", certs / f"{identity}.pem",
             "--key", certs / f"{identity}.key", "--data", json.dumps(fields),
             f"https://localhost:{self.town.port(PORTS[service])}"
             f"/baton.v1.{method}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=30, check=False)
        return json.loads(done.stdout if done.returncode == 0 else done.stderr)

    def status_with(self, receipt):
        return until(
            lambda: (lambda status: receipt in status.get("matter", {})
                     and status)(self.buf(
                         HOSPITAL, "EmergencyService/GetWaiting",
                         senderReference=REFERENCE).get("status", {})), receipt)

    def test_the_journey(self):
        self.buf(HOSPITAL, "EmergencyService/FlagWaiting",
                 **flag_request(REFERENCE))
        status = self.status_with("delivered")
        self.assertEqual(status["headline"],
                         "in their system; nobody has looked")
        item, = self.buf(COUNCIL, "CouncilService/ListIntake")["items"]
        matter_id = item["matterId"]
        opened = self.buf(COUNCIL, "CouncilService/OpenMatter",
                          matterId=matter_id, actor=WORKER)
        self.assertEqual(opened["messages"][0]["payload"][0]["type"],
                         "baton.v1.WaitingFlag")
        self.buf(COUNCIL, "CouncilService/TakeMatter", requestId=new_id(),
                 taken={"matterId": matter_id, "worker": WORKER})
        self.assertEqual(
            self.status_with("taken")["matter"]["taken"]["actor"]["name"],
            "A. Fenwick")
        self.buf(HOSPITAL, "EmergencyService/MoveWaiting", requestId=new_id(),
                 senderReference=REFERENCE, actor=NURSE,
                 moved={"location": "RX1RA ward D33"})
        self.buf(COUNCIL, "CouncilService/DecideMatter", requestId=new_id(),
                 decision={"matterId": matter_id, "worker": WORKER,
                           "outcome": "OUTCOME_EARLY_HELP",
                           "nextStep": "visit tonight"})
        decided = self.status_with("decided")
        self.assertRegex(decided["decidedAfter"], r"^\d+(\.\d+)?s$")
        timeline = self.buf(COUNCIL, "TrackingService/ListTimeline",
                            conversationId=decided["conversationId"])
        self.assertEqual(timeline["entries"][0]["kind"],
                         "MESSAGE_KIND_WAITING_FLAG")
        self.assertIn("baton.test/nottingham\n", self.buf(
            HOSPITAL, "AuditService/GetCheckpoint")["checkpoint"])

    def test_publish_pull_nack_and_acknowledge(self):
        message = envelope("E10000024")
        published = self.buf(HOSPITAL, "BrokerService/Publish",
                             messages=[message])["receipts"][0]
        pulled, = self.pull()
        self.assertEqual(pulled["message"]["messageId"],
                         published["messageId"])
        self.assertEqual(pulled["message"]["payload"][0]["content"],
                         message["payload"][0]["content"])
        self.assertEqual(self.pull(), [])
        self.assertEqual(self.settle("Nack", pulled, reason="busy",
                                     retryDelay="0s"), {})
        again, = self.pull()
        self.assertEqual(again["deliveryAttempt"], 2)
        late = self.settle("Acknowledge", pulled)
        self.assertEqual(late["code"], "failed_precondition")
        self.assertIn("ended", late["message"])
        self.assertEqual(self.settle("Acknowledge", again), {})
        self.assertEqual(self.pull(), [])

    def pull(self):
        return self.buf(COUNTY, "BrokerService/Pull", queue=COUNTY_INTAKE,
                        maxMessages=5).get("receivedMessages", [])

    def settle(self, method, received, **more):
        return self.buf(COUNTY, f"BrokerService/{method}", queue=COUNTY_INTAKE,
                        ackIds=[received["ackId"]], **more)

    def test_a_refusal_says_what_to_do(self):
        refused = self.buf(HOSPITAL, "BrokerService/Pull", queue=INTAKE,
                           maxMessages=1)
        self.assertEqual(refused["code"], "permission_denied")
        self.assertIn("emergency/RX1RA/<desk>", refused["message"])
        faulty = self.buf(HOSPITAL, "BrokerService/Publish", messages=[{}])
        self.assertEqual(faulty["code"], "invalid_argument")
        self.assertIn("messages[0].kind: ", faulty["message"])


if __name__ == "__main__":
    unittest.main()
