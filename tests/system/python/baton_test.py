"""What the tests of a city share."""

import sys
import unittest

from baton_city import EVERYBODY, City


class CityTest(unittest.TestCase):
    """A test with cities of its own. When it fails they are kept, and the end
    of every service's log is shown."""

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
        city.close()


def show(city):
    city.keep()
    print(f"\nkept: {city.directory}", file=sys.stderr)
    for name in EVERYBODY:
        lines = city.log(name).splitlines()[-12:]
        if lines:
            print(f"--- {name}.log", *lines, sep="\n", file=sys.stderr)
