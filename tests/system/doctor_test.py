"""baton doctor on real processes: green on every kind of agency's service, and
red with its reason for a wrong clock, certificates that ended or soon will, and
an exchange or a service that is not there."""

import json
import unittest

from baton_city import clock_ahead, until
from baton_rpc import Caller
from baton_test import CityTest
from baton_words import HOSPITAL, flag_request

# Of the city: whose configuration, and whose service.
AGENCIES = (("emergency", "emergency"), ("council", "council"),
            ("police", "police"), ("school", "school-123401"),
            ("county", "council-E10000024"))
RING = "0115 496 0200"


class DoctorCase(CityTest):
    maxDiff = None  # What it found is what went wrong.

    def doctor(self, who="emergency", *arguments, environment=None):
        """What it found, by check; the exit code must agree with it."""
        done = self.town.baton(who, "doctor", "-o", "json", *arguments,
                               check=False, environment=environment)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        said = json.loads(done.stdout)
        findings = {finding["check"]: finding for finding in said["findings"]}
        self.assertEqual(said["green"], done.returncode == 0)
        self.assertEqual(said["green"], all(
            finding["verdict"] == "OK" for finding in findings.values()))
        self.assertEqual(said["environment"], "training")
        return findings

    def assert_green(self, findings):
        self.assertEqual([finding for finding in findings.values()
                          if finding["verdict"] != "OK"], [])

    def assert_found(self, findings, check, verdict, *words):
        """That what is not well says why and what to do."""
        finding = findings[check]
        self.assertEqual(finding["verdict"], verdict, finding)
        for word in words:
            self.assertIn(word, finding["reason"] + finding["advice"])
        if verdict in ("WARNING", "FAILED"):
            self.assertNotEqual(finding["advice"], "")

    def assert_only(self, findings, *red):
        """Nothing is red but these."""
        self.assertEqual({check for check, finding in findings.items()
                          if finding["verdict"] != "OK"}, set(red))


class DoctorGreenTest(DoctorCase):

    def test_every_agency_is_green_and_nobody_gets_the_message(self):
        self.town = self.new_city("green")
        self.town.start("broker", *(service for _, service in AGENCIES))
        for who, _ in AGENCIES:
            with self.subTest(who):
                findings = self.doctor(who)
                self.assert_green(findings)
                self.assertEqual(len(findings), 13)
                self.assertIn("back after", findings["test message"]["reason"])
                listed = json.loads(self.town.baton(
                    who, "inbox", "list", "--all", "-o", "json").stdout)
                self.assertEqual(listed["items"], [])
        shown = self.town.baton("police", "doctor").stdout
        self.assertIn("all 13 checks are green", shown)
        self.town.baton("police", "audit", "verify")


class DoctorClockTest(DoctorCase):

    def setUp(self):
        self.town = self.new_city("clock")

    def test_a_wrong_clock_of_this_machine_is_red(self):
        self.town.start()
        findings = self.doctor(environment=clock_ahead("10m"))
        self.assert_found(findings, "clock here", "FAILED", "10 min ahead",
                          "timedatectl")
        self.assert_only(findings, "clock here")

    def test_a_wrong_clock_of_the_service_is_red(self):
        self.town.start("broker")
        self.town.start("emergency", environment=clock_ahead("10m"))
        findings = self.doctor()
        self.assert_found(findings, "clock here", "FAILED", "behind")
        self.assert_found(findings, "clock of service", "FAILED",
                          "ahead of the exchange")
        self.assert_only(findings, "clock here", "clock of service")

    def test_a_clock_years_away_is_seen_by_the_certificates(self):
        self.town.start()
        findings = self.doctor(environment=clock_ahead("10y"))
        for check in ("certificate", "emergency service certificate",
                      "exchange certificate"):
            self.assert_found(findings, check, "FAILED", "EXPIRED",
                              "unless the clock is wrong")
        self.assert_found(findings, "clock here", "FAILED", "probably wrong")
        self.assert_found(findings, "test message", "FAILED", "ring")


class DoctorCertificateTest(DoctorCase):

    def setUp(self):
        self.town = self.new_city("certificates")

    def use(self, name, certificate):
        """Has `name` show another certificate of the same agency."""
        self.town.edit(f"{name}.txtpb", f"certs/{HOSPITAL}.pem",
                       f"certs/{certificate}.pem")
        self.town.edit(f"{name}.txtpb", f"certs/{HOSPITAL}.key",
                       f"certs/{certificate}.key")

    def test_an_expired_certificate_is_red_and_refused_by_everybody(self):
        self.town.start()
        self.use("client-emergency", "bad/expired")
        findings = self.doctor()
        self.assert_found(findings, "certificate", "FAILED", "EXPIRED", "renew")
        for peer in ("emergency service", "exchange"):
            self.assert_found(findings, peer, "FAILED",
                              "it refuses our certificate")
        self.assert_found(findings, "test message", "FAILED", "ring")
        self.assert_found(findings, "outbox", "UNKNOWN")

    def test_an_expired_certificate_of_the_service_is_red(self):
        self.use("emergency", "bad/expired")
        self.town.start()
        findings = self.doctor()
        self.assert_found(findings, "emergency service certificate", "FAILED",
                          "EXPIRED", "renew")
        self.assert_found(findings, "test message", "FAILED", "ring")
        self.assert_found(findings, "exchange", "OK")

    def test_an_expiring_certificate_is_red(self):
        self.town.make_certs("--add", "emergency/RX1RA/soon", "--days", "10")
        self.use("emergency", f"{HOSPITAL}-soon")
        self.use("client-emergency", f"{HOSPITAL}-soon")
        self.town.start()
        findings = self.doctor()
        for check in ("certificate", "emergency service certificate"):
            self.assert_found(findings, check, "WARNING", "expires soon",
                              "renew")
        self.assert_only(findings, "certificate",
                         "emergency service certificate")
        self.assert_green(self.doctor("emergency", "--expiry-days", "5"))

    def test_before_the_first_start_this_machine_can_be_looked_at_alone(self):
        self.assert_green(self.doctor("emergency", "--config-only"))
        self.use("client-emergency", "bad/two-uris")
        self.assert_found(self.doctor("emergency", "--config-only"),
                          "identity", "FAILED", "exactly one")


class DoctorUnreachableTest(DoctorCase):

    def setUp(self):
        self.town = self.new_city("away")

    def test_without_the_exchange_it_says_whom_to_ring(self):
        self.town.start()
        self.assert_green(self.doctor())
        self.town.stop("broker")
        with Caller(self.town, HOSPITAL) as hospital:
            hospital.call("EmergencyService/FlagWaiting",
                          **flag_request("ED-1"))
        findings = self.doctor()
        self.assert_found(findings, "emergency service", "OK")
        self.assert_found(findings, "exchange", "FAILED", "nobody answers")
        self.assert_found(findings, "exchange certificate", "OK")
        self.assert_found(findings, "test message", "FAILED",
                          "the exchange does not answer", "NOT SENT", "ring",
                          RING)
        self.assert_found(findings, "outbox", "FAILED", "1 NOT SENT")
        self.assert_only(findings, "exchange", "clock of service",
                         "test message", "outbox")
        self.town.start("broker")
        until(lambda: all(finding["verdict"] == "OK"
                          for finding in self.doctor().values()),
              "it is green again", seconds=60)

    def test_without_the_service_it_says_so(self):
        self.town.start("broker")
        findings = self.doctor()
        self.assert_found(findings, "emergency service", "FAILED",
                          "nobody answers", "service runs")
        self.assert_found(findings, "exchange", "OK")
        self.assert_found(findings, "test message", "FAILED", "ring")

    def test_a_name_that_nobody_knows_is_another_fault(self):
        self.town.edit("client-emergency.txtpb", "127.0.0.1:",
                       "no-such-host.invalid:")
        self.assert_found(self.doctor(), "exchange", "FAILED",
                          "nobody knows the host", "DNS")

    def test_a_desk_that_the_directory_lacks_is_found(self):
        self.town.edit("emergency.txtpb", "default_recipient {",
                       'desks: "nights"\ndefault_recipient {')
        self.town.start()
        self.assert_found(self.doctor(), "test message", "FAILED",
                          "the exchange refuses it", "RX1RA/nights")


if __name__ == "__main__":
    unittest.main()
