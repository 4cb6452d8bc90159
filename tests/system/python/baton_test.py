"""What the tests of a city share."""

import re
import sys
import unittest

from baton_city import EVERYBODY, City

# What is personal in the requests of baton_words: children, who speaks, NHS
# numbers.
PERSONAL = re.compile(r"\b(Mia|Example|Osei|Fenwick|2011-05-04"
                      r"|999 ?[0-9]{3} ?[0-9]{4})\b")


class CityTest(unittest.TestCase):
    """A test with cities of its own. When it fails they are kept, and the end
    of every service's log is shown. Nothing personal may be in a log."""

    def new_city(self, name, **options):
        city = City(name, **options)
        self.addCleanup(self._leave, city)
        return city

    def _leave(self, city):
        # When a test has failed, unittest's result says so before clean-up.
        result = self._outcome.result
        if any(getattr(test, "test_case", test) is self
               for test, _ in result.failures + result.errors):
            show(city)
        found = [f"{name}.log: {match.group()}" for name in EVERYBODY
                 for match in PERSONAL.finditer(city.log(name))]
        city.close()
        self.assertEqual(found, [])


def show(city):
    city.keep()
    print(f"\nkept: {city.directory}", file=sys.stderr)
    for name in EVERYBODY:
        lines = city.log(name).splitlines()[-12:]
        if lines:
            print(f"--- {name}.log", *lines, sep="\n", file=sys.stderr)
