"""The plan of a generated week: who calls what, in time order."""

import dataclasses
import json
import random
import subprocess
import uuid

from baton_city import BIN

_FORBIDDEN = 0.06  # Of the cases that partners open.
FORBIDDEN_KINDS = ("INFORMATION_REQUEST", "TRIAGE")
# Whom a partner may not ask: questions go to and from councils.
_NOBODY_TO_ASK = {"emergency": ("POLICE", "E23000019"),
                  "police": ("EMERGENCY", "RX1RA"),
                  "school": ("POLICE", "E23000019")}


@dataclasses.dataclass(eq=False)
class Call:
    """One call that somebody makes to their own agency's service."""

    agency: str  # Who calls, such as "police/E23000019".
    method: str  # "PoliceService/ReportMissing".
    kind: str  # What becomes of it, such as "MISSING_REPORT"; "" for reading.
    case: tuple  # Who raised the case, and what they call it.
    fields: dict  # The request, without what only the exchange knows.
    opens: bool = False
    child: int = None  # By its place, from 1; 0: all; None: follows its case.
    forbidden: bool = False  # The exchange is to refuse it.
    number: int = 0  # Its place in the plan.

    @property
    def token(self):
        """What the oracle puts into every message: it travels as the team of
        whoever speaks, which everybody who gets the message sees."""
        return f"call {self.number}"

    @property
    def takes_recall(self):
        """A named person takes a recall, which leaves the matter as it is."""
        return self.kind == "TAKEN" and self.method.startswith("CaseService/")

    def speaker(self):
        """The part of `fields` that says who speaks."""
        for said in ("taken", "decision"):
            if "worker" in self.fields.get(said, ()):
                return self.fields[said]["worker"]
        return self.fields["actor"]

    def children(self):
        """Each child's part, of a call that has any."""
        if not (self.opens or self.child == 0):
            return []
        for form in ("flag", "child"):
            if form in self.fields:
                return [self.fields[form]]
        return self.fields["children"]

    def concerns(self, child):
        """Whether it says something about this child of the case."""
        if self.child:
            return self.child == child
        named = self.fields.get("children", [])
        return self.opens or self.child == 0 or not named or child in named

    def __str__(self):
        return f"{self.token}: {self.agency} {self.method} {self.kind}"


def _call(line):
    said = json.loads(line)
    answer = said.get("response")
    kind = said["kind"].removeprefix("MESSAGE_KIND_")
    return Call(agency=said["agency"],
                method=said["rpc"].removeprefix("baton.v1."),
                kind="" if kind == "UNSPECIFIED" else kind,
                case=(answer["raised_by"] if answer else said["agency"],
                      said["reference"]),
                fields=said["request"], opens=said.get("opens_case", False),
                child=answer["child"] if answer else None)


def _forbidden(rng, agency, kind, case, child, **fields):
    """What the exchange must refuse."""
    return Call(agency=agency, method="CaseService/ActOnMatter", kind=kind,
                case=case, child=child, forbidden=True,
                fields={"request_id": str(uuid.UUID(int=rng.getrandbits(128))),
                        **fields})


def _forbidden_question(rng, opening):
    """Something the policy does not allow, asked about a case just opened."""
    whom, code = _NOBODY_TO_ASK[opening.agency.partition("/")[0]]
    return _forbidden(
        rng, opening.agency, "INFORMATION_REQUEST", opening.case, 1,
        actor=dict(opening.speaker()),
        information_request={"question": "known to you?",
                             "deadline": "2030-01-01T09:00:00Z"},
        recipients=[{"agency": {"agency_class": f"AGENCY_CLASS_{whom}",
                                "code": code}}])


def _forbidden_triage(rng, offer):
    """By who offered the matter, after it was accepted: they hold it no
    more."""
    return _forbidden(rng, offer.agency, "TRIAGE", offer.case, offer.child,
                      actor=dict(offer.speaker()),
                      triage={"grade": "TRIAGE_GRADE_RED", "reason": "late"})


def _with_forbidden(rng, calls):
    offers = {}
    for call in calls:
        yield call
        if call.kind == "TRANSFER_OFFER":
            offers[call.case, call.child] = call
        if call.kind == "TRANSFER_ACCEPTED":
            yield _forbidden_triage(rng, offers[call.case, call.child])
        if (call.opens and not call.agency.startswith("council/")
                and rng.random() < _FORBIDDEN):
            yield _forbidden_question(rng, call)


def _name(agency):
    kind = agency["agency_class"].removeprefix("AGENCY_CLASS_").lower()
    return f"{kind}/{agency['code']}"


def _without_asking_about_staff(calls):
    """What is alleged of staff goes to the designated officer and to who
    takes part already: other partners may not be asked, and do not answer."""
    alleged = {call.case for call in calls
               if any(child.get("staff_allegation")
                      for child in call.children())}
    for call in calls:
        if call.case in alleged and call.kind == "INFORMATION_REQUEST":
            call.forbidden = call.case[0] not in {
                _name(asked["agency"]) for asked in call.fields["recipients"]}
        if (call.case not in alleged or call.kind != "INFORMATION_RESPONSE"
                or call.agency == call.case[0]):
            yield call


def read(seed, first_day, days, scale):
    """The calls of the plan, in time order, and among them some that the
    exchange must refuse."""
    done = subprocess.run(
        [BIN / "city_plan", "--seed", str(seed), "--from", first_day,
         "--days", str(days), "--scale", str(scale), "--schools", "1"],
        stdout=subprocess.PIPE, check=True, text=True)
    calls = list(map(_call, done.stdout.splitlines()))
    calls = list(_without_asking_about_staff(calls))
    calls = list(_with_forbidden(random.Random(seed), calls))
    for number, call in enumerate(calls):
        call.number = number
        if call.kind:
            call.speaker()["team"] = call.token
    return calls
