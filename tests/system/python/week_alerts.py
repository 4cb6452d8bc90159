"""What the exchange must tell the school by itself, as the oracle sees it."""

import collections

from baton.v1 import alert_pb2
from week_agencies import SCHOOL

_CODES = {"POLICE_NOTICE": "DOMESTIC_ABUSE", "MISSING_REPORT": "MISSING",
          "FOUND_REPORT": "FOUND", "WAITING_FLAG": "EMERGENCY_DEPARTMENT"}


def alert_key(item):
    """An alert, by what it is about: code, cause, child."""
    alert = item.alert
    return (alert_pb2.AlertCode.Name(alert.code).removeprefix("ALERT_CODE_"),
            alert.source_time.ToNanoseconds(), alert.child.names[0].given)


def expected_alerts(oracle, timelines):
    """How often each is to come: once for every cause that was accepted and
    every child of that school. One about a restricted matter waits until
    somebody releases it."""
    wanted = collections.Counter()
    for case, entries in timelines.items():
        calls = [call for said in oracle.calls_of(case).values()
                 for call in said]
        times = {entry.actor.team: entry.publish_time.ToNanoseconds()
                 for entry in entries}
        released = {call.child for call in calls if call.kind == "RELEASE"}
        opening, = (call for call in calls if call.opens)
        for call in calls:
            if call.kind not in _CODES or call.token not in times:
                continue
            for place, child in enumerate(opening.children(), 1):
                if _is_told(call, place, child, released):
                    wanted[_CODES[call.kind], times[call.token],
                           child["child"]["names"][0]["given"]] += 1
    return wanted


def _is_told(call, place, child, released):
    school = child["child"].get("bodies", {}).get("school", {}).get("code")
    if school != SCHOOL.partition("/")[2]:
        return False
    if child.get("restricted") and place not in released:
        return False
    if call.kind == "POLICE_NOTICE":
        return call.fields["incident"].get("domestic_abuse", False)
    return call.concerns(place)
