"""What READMEs say about tests is so: rules have tests named after them, and
tests that are named are there."""

import re
import unittest

from baton_city import ROOT

ROW = re.compile(r"^\| (\d+) \| [^|]+ \| (yes|no) \| ([^|]*) ?\|$", re.M)
TESTS = re.compile(r"^TEST(?:_[FP])?\((\w+),\s*(\w+)\)", re.M)
MENTIONED = re.compile(r"`(\w+Test)\.(\w+)`")
NAMED = re.compile(r"^TEST(?:_[FP])?\(\w+,\s*Rule(\d+)[A-Z]", re.M)


class RulesTest(unittest.TestCase):
    def test_each_rule_has_a_named_test_or_a_reason(self):
        named = {int(rule) for file in (ROOT / "tests").rglob("*_test.cc")
                 for rule in NAMED.findall(file.read_text())}
        rows = ROW.findall((ROOT / "tests/README.md").read_text())
        self.assertEqual([int(rule) for rule, _, _ in rows],
                         list(range(1, 24)))
        for rule, tested, waits in rows:
            with self.subTest(rule=rule):
                self.assertEqual(int(rule) in named, tested == "yes")
                self.assertTrue(tested == "yes" or waits.strip())

    def test_the_tests_that_the_broker_names_are_there(self):
        there = {test for file in (ROOT / "tests").rglob("*_test.cc")
                 for test in TESTS.findall(file.read_text())}
        readme = (ROOT / "services/broker/README.md").read_text()
        mentioned = MENTIONED.findall(readme)
        self.assertGreater(len(mentioned), 50)
        for test in mentioned:
            with self.subTest(test=".".join(test)):
                self.assertIn(test, there)


if __name__ == "__main__":
    unittest.main()
