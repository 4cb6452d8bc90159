"""A week of the generated city through real processes, which are killed at
random: everything accepted arrives exactly once and in order, every matter has
one holder at any time, no receipt is taken back.

    tests/system/run_python tests/system/week_test.py [--days N] [--cycles N]
        [--seed S] [--first-day DATE] [--scale X]

The plan says who calls what in a week (tests/support, city_plan). People play
it through their own agencies' doors as fast as these answer, the killer kills,
and an oracle outside of all processes keeps every call and every answer. A
call whose answer was lost is repeated with the same request_id.
"""

import argparse
import random
import sys

import week_plan
from baton_city import EVERYBODY, City
from baton_rpc import Refused
from baton_test import show
from week_agencies import Agencies
from week_desk import Desk
from week_drive import Drive
from week_killer import Killer
from week_oracle import Oracle
from week_verdict import Verdict
from week_watch import Watch

_MOST_PROBLEMS = 12  # Shown.


def live(city, plan, oracle, cycles, seed):
    """The week, and the verdict over it."""
    for name in EVERYBODY[1:]:
        city.edit(f"{name}.txtpb", 'server_name: "localhost" }',
                  'server_name: "localhost" max_retry_delay { seconds: 2 } }')
    city.start(*EVERYBODY)
    agencies = Agencies(city)
    desks = {agency: Desk(agency, caller, random.Random(f"{seed}{agency}"))
             for agency, caller in agencies.callers.items()}
    drive = Drive(agencies, desks, oracle, plan)
    watch = Watch(agencies, oracle, seed)
    try:
        Killer(city, agencies, oracle, cycles, len(plan), seed).run(drive)
        drive.join()
        watch.close()
        if not oracle.problems():
            Verdict(city, agencies, desks, drive, oracle).reach()
    finally:
        watch.close()
        for desk in desks.values():
            desk.close()
        agencies.close()


def run(arguments):
    plan = week_plan.read(arguments.seed, arguments.first_day, arguments.days,
                          arguments.scale)
    oracle = Oracle()
    with City("week") as city:
        try:
            live(city, plan, oracle, arguments.cycles, arguments.seed)
        except (AssertionError, Refused, RuntimeError) as error:
            oracle.problem(str(error))
        problems = oracle.problems()
        for text in problems[:_MOST_PROBLEMS]:
            print("PROBLEM", text)
        if problems:
            show(city)
    print(f"seed {arguments.seed}: {len(plan)} calls planned, "
          f"{oracle.accepted} accepted, {len(oracle.refused)} refused, "
          f"{len(oracle.conversations)} cases, {oracle.cycle} kills, "
          f"{len(problems)} problems")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cycles", type=int, default=20, help="kills")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--first-day", default="2026-10-05")
    parser.add_argument("--scale", type=float, default=1,
                        help="how busy the city is")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
