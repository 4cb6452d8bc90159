"""What an operator's tools see of real processes, in plain text on loopback;
and what becomes of the exchange's clients when an operator stops it."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

import grpc

from baton.v1 import audit_service_pb2
from baton_audit import AuditLog
from baton_city import BIN, ROOT, until
from baton_rpc import Caller, Refused, build
from baton_test import CityTest
from baton_words import (COUNTY, HOSPITAL, INTAKE, envelope, flag_request)

BUF = os.environ.get("BATON_BUF", ROOT / "build/node/node_modules/.bin/buf")
PUBLISHED = 'baton_audit_entries_total{type="published"}'
# A line of Prometheus's text format.
SAMPLE = re.compile(r"(baton_[a-z_]+(?:\{[^{}]*\})?) ([-+.0-9eInfNa]+)")
# Of Broker::kDrainGrace; the rest is starting and ending on a busy machine.
DRAIN_GRACE, MARGIN = 5, 15


def page(port, path):
    """Status and text of a page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}",
                                    timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(port):
    """Values by name and labels; every line must be one."""
    status, text = page(port, "/metrics")
    assert status == 200, text
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = SAMPLE.fullmatch(line).groups()
            assert name not in values, f"{name} twice"
            values[name] = float(value)
    return values


class AdminTest(CityTest):

    def setUp(self):
        self.town = self.new_city("admin")

    def buf(self, method, port):
        done = subprocess.run(
            [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge",
             "--data", "{}", f"http://127.0.0.1:{port}/{method}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_prometheus_reads_what_the_exchange_does(self):
        self.town.start("broker")
        port = self.town.admin_port("http")
        before = metrics(port)
        with Caller(self.town, HOSPITAL) as hospital:
            for _ in range(3):
                hospital.call("BrokerService/Publish", messages=[envelope()])
            with self.assertRaises(Refused):
                hospital.call("BrokerService/Pull", queue=INTAKE,
                              max_messages=1)
        after = metrics(port)
        self.assertEqual(after[PUBLISHED], before[PUBLISHED] + 3)
        refused = 'baton_refusals_total{code="PERMISSION_DENIED"}'
        self.assertEqual(after[refused], before[refused] + 1)
        oldest = f'baton_queue_oldest_urgent_seconds{{queue="{INTAKE}"}}'
        self.assertEqual(before[oldest], 0)
        self.assertGreater(after[oldest], 0)
        self.assertGreater(after["baton_process_max_fds"], 2000)
        self.assertEqual(page(port, "/healthz"), (200, "serving\n"))
        self.assertEqual(page(port, "/")[0], 404)

    def test_health_is_found_through_reflection(self):
        self.town.start("broker")
        self.assertEqual(
            self.buf("grpc.health.v1.Health/Check",
                     self.town.admin_port("grpc")), {"status": "SERVING"})

    def test_an_agency_shows_what_it_holds(self):
        port_file = self.town.directory / "emergency.http-port"
        self.town.edit("emergency.txtpb", "service {",
                       'service { admin { http_address: "localhost:0" '
                       f'http_port_file: "{port_file.name}" }}')
        self.town.start("emergency")
        port = port_file.read_text().strip()
        with Caller(self.town, HOSPITAL) as hospital:
            hospital.call("EmergencyService/FlagWaiting",
                          **flag_request("ED-1"))
        alone = metrics(port)
        self.assertEqual(alone["baton_outbox_held_messages"], 1)
        self.assertEqual(alone["baton_exchange_reachable"], 0)
        self.town.start("broker")
        until(lambda: metrics(port)["baton_outbox_held_messages"] == 0,
              "the exchange has it")
        self.assertEqual(metrics(port)["baton_exchange_reachable"], 1)

    def test_an_address_that_others_can_reach_is_a_fault(self):
        self.town.edit("broker.txtpb", 'http_address: "127.0.0.1',
                       'http_address: "0.0.0.0')
        checked = subprocess.run(
            [BIN / "baton-broker", "--check_config", "--config",
             self.town.directory / "broker.txtpb"], text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(checked.returncode, 2, checked.stdout)
        self.assertRegex(checked.stdout,
                         r"broker\.txtpb:\d+: admin\.http_address: is 0\.0\.0\.0")

    def test_too_few_file_handles_are_refused_at_the_start(self):
        done = subprocess.run(
            ["sh", "-c", 'ulimit -n 1000; exec "$0" --config "$1"',
             BIN / "baton-broker", self.town.directory / "broker.txtpb"],
            text=True, timeout=60, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"set LimitNOFILE=\d+ ")


class Publisher(threading.Thread):
    """Publishes until it is told to come back; then has one request without an
    answer. Remembers what it was promised."""

    def __init__(self, town):
        super().__init__(daemon=True)
        self.town = town
        self.receipts, self.unanswered, self.end = [], None, None
        self.start()

    def run(self):
        with Caller(self.town, HOSPITAL) as hospital:
            while self.end is None:
                self.unanswered = build("BrokerService/Publish", {
                    "messages": [envelope("E10000024")]})
                try:
                    answer = hospital.call("BrokerService/Publish",
                                           self.unanswered)
                    self.receipts.append(answer.receipts[0].message_id)
                except Refused as refusal:
                    self.end = refusal


class Consumer(threading.Thread):
    """Takes what they publish and acknowledges it on its stream, until that
    ends. Remembers what it was told is settled."""

    QUEUE = "council/E10000024/intake"

    def __init__(self, town):
        super().__init__(daemon=True)
        self.town = town
        self.settled, self.end = set(), None
        self.start()

    def run(self):
        requests, message_of = queue.SimpleQueue(), {}
        requests.put({"queue": self.QUEUE, "max_outstanding_messages": 16,
                      "consumer": "mash-1"})
        with Caller(self.town, COUNTY) as county:
            try:
                for response in county.stream("BrokerService/StreamingPull",
                                              iter(requests.get, None)):
                    for received in response.received_messages:
                        message_of[received.ack_id] = received.message.message_id
                        requests.put({"acknowledge_ids": [received.ack_id]})
                    self.settled |= {message_of[one.ack_id]
                                     for one in response.settled if one.settled}
            except grpc.RpcError as error:
                self.end = error
            requests.put(None)


class DrainTest(CityTest):
    """SIGTERM under load."""

    def setUp(self):
        self.town = self.new_city("drain")
        self.town.start("broker")
        self.town.stop("broker")  # Now its ports are known to be free.
        self.process = self.serve()
        self.addCleanup(self.process.kill)

    def serve(self):
        """As a child of ours, whose exit status we learn."""
        directory = self.town.directory
        (directory / "broker.port").unlink(missing_ok=True)
        with open(directory / "broker.log", "ab") as log:
            process = subprocess.Popen(
                [BIN / "baton-broker", "--config", directory / "broker.txtpb"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (directory / "broker.pid").write_text(str(process.pid))
        until((directory / "broker.port").exists, "the broker serves")
        return process

    def test_what_was_acknowledged_is_there_after_it_once(self):
        publishers = [Publisher(self.town) for _ in range(4)]
        consumer = Consumer(self.town)
        until(lambda: sum(len(one.receipts) for one in publishers) > 200
              and len(consumer.settled) > 100
              or any(one.end for one in publishers), "200 receipts", 120)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(DRAIN_GRACE + MARGIN), 0)
        consumer.join(30)
        self.assertEqual(consumer.end.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("connect again", consumer.end.details())
        for one in publishers:
            one.join(30)
            # CANCELLED: met gRPC's door while it closed.
            self.assertIn(one.end.code, ("UNAVAILABLE", "CANCELLED"), one.end)
        self.check_nothing_lost_or_doubled(publishers)
        self.check_settled_is_settled(consumer)
        self.check_log()

    def check_nothing_lost_or_doubled(self, publishers):
        self.town.start("broker")
        promised = [receipt for one in publishers for receipt in one.receipts]
        with Caller(self.town, HOSPITAL) as hospital:
            before = self.published(hospital)
            self.assertEqual(len(set(before)), len(before))
            self.assertLessEqual(set(promised), set(before))
            # Whoever has no answer repeats: nothing is there twice.
            repeats = {hospital.call("BrokerService/Publish", one.unanswered)
                       .receipts[0].message_id for one in publishers}
            after = self.published(hospital)
        self.assertEqual(sorted(after), sorted({*promised, *repeats}))

    def check_settled_is_settled(self, consumer):
        with Caller(self.town, COUNTY) as county:
            waiting = True
            while waiting:
                waiting = county.call("BrokerService/Pull",
                                      queue=Consumer.QUEUE,
                                      max_messages=256).received_messages
                self.assertFalse({received.message.message_id
                                  for received in waiting} & consumer.settled)

    @staticmethod
    def published(caller):
        return [message_id for entry in AuditLog(caller).entries()
                if entry.type == audit_service_pb2.AUDIT_TYPE_PUBLISHED
                for message_id in entry.message_ids]

    def check_log(self):
        """One JSON object a line, and nobody's name."""
        lines = [json.loads(line) for line
                 in self.town.log("broker").splitlines()]
        self.assertIn("stopping", [line["event"] for line in lines])
        for personal in ("Mia", "Example", "Osei", "2011-05-04"):
            self.assertNotIn(personal, self.town.log("broker"))


if __name__ == "__main__":
    unittest.main()
