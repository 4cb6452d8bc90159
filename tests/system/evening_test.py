"""The evening of deploy/evening on real processes, the configuration of
everybody in the city, and what the access policy of deploy/config allows."""

import os
import subprocess
import unittest

from google.protobuf import text_format

from baton.v1 import agency_pb2, config_pb2, message_pb2
from baton_city import BIN, EVERYBODY, ROOT
from baton_test import CityTest


class EveningTest(CityTest):

    def test_everything_the_evening_promises_comes_true(self):
        city = self.new_city("evening")
        city.start(*EVERYBODY)
        done = subprocess.run(
            [ROOT / "deploy/evening", city.directory],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            env={**os.environ, "BATON_BIN": str(BIN)})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        self.assertIn("audit verified", done.stdout)
        for name in EVERYBODY:
            log = city.log(name)
            for personal in ("Specimen", "Illustration", "Placeholder",
                             "9990000034"):
                self.assertNotIn(personal, log, name)


class ConfigurationTest(CityTest):

    def test_every_service_takes_its_configuration(self):
        city = self.new_city("configuration")
        for name in EVERYBODY:
            with self.subTest(name):
                program = BIN / f"baton-{name.partition('-')[0]}"
                done = subprocess.run(
                    [program, "--config", city.directory / f"{name}.txtpb",
                     "--check_config"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_example_is_a_request(self):
        city = self.new_city("examples")
        for who, command, name in (
                ("police", "police report", "missing-report"),
                ("police", "police notice", "police-notice"),
                ("police", "case raise", "contact-wrong-authority"),
                ("school", "case raise", "contact-siblings"),
                ("school", "case raise", "contact-danger"),
                ("council", "council homeless", "homeless"),
                ("emergency", "emergency flag", "flag-waiting")):
            with self.subTest(name):
                city.baton(who, *command.split(), "--dry-run", "--file",
                           str(ROOT / f"deploy/examples/{name}.json"))


# Sender, kind, recipient: a sample of the domain's table, and of what it
# leaves out.
ALLOWED = """
school CONTACT council
public CONTACT council
emergency CONTACT police
council PHONE_CONTACT school
police POLICE_NOTICE school
police POLICE_NOTICE health
police MISSING_REPORT school
police PREVENTION_INTERVIEW council
council MISSING_UPDATE police
placement FOUND_REPORT police
council RETURN_INTERVIEW police
emergency WAITING_FLAG integrated_care_board
housing HOMELESS_PRESENTATION council
council PLACEMENT_NOTICE integrated_care_board
council DECISION school
school TAKEN exchange
police MILESTONE council
council TRANSFER_OFFER council
police TRANSFER_OFFER police
adult TRANSFER_ACCEPTED council
council INFORMATION_REQUEST health
health INFORMATION_RESPONSE council
school CHALLENGE council
council CHALLENGE_RESPONSE school
school WITHDRAWAL council
school ATTACHMENT council
police MANIFEST exchange
"""
DENIED = """
school CONTACT school
police WAITING_FLAG council
emergency MISSING_REPORT council
school MISSING_UPDATE council
police RETURN_INTERVIEW council
school POLICE_NOTICE council
school PHONE_CONTACT council
school HOMELESS_PRESENTATION council
school TRANSFER_OFFER council
school MILESTONE council
school INFORMATION_REQUEST police
council ATTACHMENT school
council ALERT school
council ESCALATION council
operator CONTACT council
exchange CONTACT council
witness MANIFEST exchange
"""


class PolicyTest(unittest.TestCase):
    """Read as the broker reads it: one rule must match in every part."""

    @classmethod
    def setUpClass(cls):
        cls.policy = text_format.Parse(
            (ROOT / "deploy/config/access.txtpb").read_text(),
            config_pb2.AccessPolicy())

    def allows(self, sender, kind, recipient):
        sender, recipient = (
            agency_pb2.AgencyClass.Value(f"AGENCY_CLASS_{name.upper()}")
            for name in (sender, recipient))
        kind = message_pb2.MessageKind.Value(f"MESSAGE_KIND_{kind}")
        return any(sender in rule.sender_classes and kind in rule.kinds
                   and recipient in rule.recipient_classes
                   for rule in self.policy.rules)

    def test_what_the_domain_needs_is_allowed_and_nothing_else(self):
        for table, wanted in ((ALLOWED, True), (DENIED, False)):
            for line in table.split("\n")[1:-1]:
                with self.subTest(line):
                    self.assertEqual(self.allows(*line.split()), wanted)

    def test_missing_children_are_spoken_of_for_that_purpose(self):
        for rule in self.policy.rules:
            if message_pb2.MESSAGE_KIND_MISSING_REPORT in rule.kinds:
                self.assertEqual(list(rule.purposes),
                                 [message_pb2.PURPOSE_MISSING_CHILD])


if __name__ == "__main__":
    unittest.main()
