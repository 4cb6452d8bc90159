"""Kills the exchange, the emergency department and the council again and again
under load, and asks an oracle outside of them whether anything accepted was
lost, doubled, reordered or taken back.

    tests/system/run_python tests/system/kill_test.py [--cycles N] [--seed S]

SIGKILL leaves the page cache alone: what this proves is about processes, their
recovery and their talking to each other. What a power cut leaves is the matter
of tests/storage/durability_test.cc and of tests/system/simulation.
"""

import argparse
import collections
import itertools
import os
import queue
import random
import signal
import sys
import threading
import time

import grpc

from baton.v1 import (audit_service_pb2, broker_service_pb2, message_pb2,
                      waiting_pb2)
from baton_audit import AuditLog
from baton_city import SERVICES, City, until
from baton_rpc import Caller, Refused, build
from baton_test import show
from baton_words import (COUNCIL, COUNTY, COUNTY_INTAKE, HOSPITAL, INTAKE, NURSE,
                         REPLIES, WORKER, envelope, flag_request, new_id)

FLAGGERS, WORKERS, WATCHERS = 3, 2, 1
RECEIPTS = ("delivered", "first_read", "taken", "decided")
PROGRESS = 12  # Accepted calls between two kills.
PATIENCE = 120  # Seconds in which anything must come about.
VICTIMS = (("broker",), ("emergency",), ("council",), SERVICES)
SERVICE_OF = {"broker": "BrokerService", "emergency": "EmergencyService",
              "council": "CouncilService"}
WAIT_KINDS = {
    message_pb2.MESSAGE_KIND_WAITING_FLAG: waiting_pb2.WaitingFlag,
    message_pb2.MESSAGE_KIND_WAITING_UPDATE: waiting_pb2.WaitingUpdate,
    message_pb2.MESSAGE_KIND_WAITING_MOVED: waiting_pb2.WaitingMoved,
    message_pb2.MESSAGE_KIND_WAITING_END: waiting_pb2.WaitingEnd,
}


def token_of(message):
    """What the oracle put into a message of a wait."""
    said = WAIT_KINDS[message.kind].FromString(message.payload[-1].content)
    if message.kind == message_pb2.MESSAGE_KIND_WAITING_FLAG:
        return said.sender_reference
    if message.kind == message_pb2.MESSAGE_KIND_WAITING_UPDATE:
        return said.note.value
    if message.kind == message_pb2.MESSAGE_KIND_WAITING_MOVED:
        return said.location
    return said.destination.value


class Oracle:
    """What was asked for and what was promised. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._problems = []
        self.accepted = 0
        self.tokens = {}  # By reference: accepted tokens, in order.
        self.answers = {}  # By matter: {"taken": name, "decided": next step}.
        self.receipts = collections.defaultdict(dict)  # By reference.
        self.offered = []  # Message ids in the order first offered.
        self.published = []  # Message ids from publishing directly, in order.
        self.pulled = []  # ... in the order first pulled by the county.

    def problem(self, text):
        with self._lock:
            self._problems.append(text)

    def problems(self):
        with self._lock:
            return list(self._problems)

    def said(self, reference, token):
        with self._lock:
            self.accepted += 1
            self.tokens.setdefault(reference, []).append(token)

    def published_directly(self, message_id):
        with self._lock:
            self.accepted += 1
            self.published.append(message_id)

    def answered(self, matter_id, receipt, what):
        with self._lock:
            self.accepted += 1
            self.answers.setdefault(matter_id, {})[receipt] = what

    def references(self):
        with self._lock:
            return list(self.tokens)

    def saw(self, status):
        """A receipt once seen stays as it was."""
        with self._lock:
            seen = self.receipts[status.sender_reference]
            for name in RECEIPTS:
                now = None
                if status.matter.HasField(name):
                    receipt = getattr(status.matter, name)
                    now = (receipt.time.ToNanoseconds(), receipt.audit_index)
                if name in seen and seen[name] != now:
                    self._problems.append(
                        f"{status.sender_reference}: receipt {name} was "
                        f"{seen[name]} and became {now}")
                if now is not None:
                    seen[name] = now


class Load:
    """Threads that use the city as people do, until told to stop; each then
    finishes what it began."""

    def __init__(self, city, oracle, seed):
        self.city, self.oracle = city, oracle
        self._stopping = threading.Event()
        self._consumer_stopping = threading.Event()
        self._matters = queue.Queue()
        self._armed = {}  # Process ids to kill, by service that answers.
        self._fired = threading.Event()
        jobs = ([(self._flag, seed * 100 + n) for n in range(FLAGGERS)]
                + [(self._answer, seed * 100 + 50 + n) for n in range(WORKERS)]
                + [(self._watch, seed * 100 + 90 + n) for n in range(WATCHERS)]
                + [(self._publish, 0)])
        self._threads = [threading.Thread(target=self._guarded, args=job,
                                          daemon=True) for job in jobs]
        self._consumers = [threading.Thread(target=self._guarded,
                                            args=(job, 0), daemon=True)
                           for job in (self._consume, self._pull)]
        for thread in self._threads + self._consumers:
            thread.start()

    def kill_at_the_next_answer(self, service, pids):
        """Kills the moment that a call to `service` is answered OK, when what
        was promised had better be on disk. False when nobody calls for a
        second."""
        self._fired.clear()
        self._armed = {service: pids}
        fired = self._fired.wait(1)
        self._armed = {}
        return fired

    def _strike(self, method):
        for pid in self._armed.pop(method.partition("/")[0], ()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._fired.set()

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        self._consumer_stopping.set()
        for thread in self._consumers:
            thread.join(PATIENCE)
        for thread in self._threads + self._consumers:
            if thread.is_alive():
                self.oracle.problem(f"{thread.name} does not end")

    def _guarded(self, job, seed):
        try:
            job(random.Random(seed), f"{seed:x}")
        except Exception as error:  # pylint: disable=broad-except
            self.oracle.problem(f"{job.__name__}: {error!r}")

    def _insist(self, caller, method, **fields):
        """Repeats one request until it is answered. That it was carried out is
        known only then."""
        request = build(method, fields)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = caller.call(method, request, timeout=5,
                                     wait_for_ready=True)
                self._strike(method)
                return answer
            except Refused as refusal:
                if not (refusal.may_have_happened()
                        or refusal.code == "RESOURCE_EXHAUSTED"):
                    raise AssertionError(f"{method}: {refusal}") from None
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"{method}: no answer in {PATIENCE} s: {refusal}") from None
            self._consumer_stopping.wait(0.05)

    def _flag(self, rng, name):
        with Caller(self.city, HOSPITAL) as hospital:
            for number in range(10**6):
                if self._stopping.is_set():
                    return
                self._one_wait(rng, hospital, f"ED-{name}-{number}")

    def _one_wait(self, rng, hospital, reference):
        self._insist(hospital, "EmergencyService/FlagWaiting",
                     **flag_request(reference))
        self.oracle.said(reference, reference)
        for step in range(rng.randrange(5)):
            token = f"{reference}/{step}"
            if rng.random() < 0.5:
                self._follow(hospital, "UpdateWaiting", reference,
                             update={"note": {"value": token}})
            else:
                self._follow(hospital, "MoveWaiting", reference,
                             moved={"location": token})
            self.oracle.said(reference, token)
        if rng.random() < 0.5:
            token = f"{reference}/end"
            self._follow(hospital, "EndWaiting", reference, end={
                "end_reason": "WAITING_END_REASON_DISCHARGED",
                "destination": {"value": token}, "taken_by": {"value": "aunt"}})
            self.oracle.said(reference, token)

    def _follow(self, hospital, method, reference, **fields):
        self._insist(hospital, f"EmergencyService/{method}",
                     request_id=new_id(), sender_reference=reference,
                     actor=NURSE, **fields)

    def _publish(self, rng, _):
        """Messages past the emergency service, all of one ordering key."""
        with Caller(self.city, HOSPITAL) as hospital:
            while not self._stopping.wait(rng.random() / 20):
                receipt, = self._insist(
                    hospital, "BrokerService/Publish",
                    messages=[envelope("E10000024")]).receipts
                self.oracle.published_directly(receipt.message_id)

    def _pull(self, rng, _):
        """The county settles what it was given; what is settled never comes
        again."""
        settled = set()
        with Caller(self.city, COUNTY) as county:
            while True:
                pulled = self._insist(
                    county, "BrokerService/Pull", queue=COUNTY_INTAKE,
                    max_messages=rng.randrange(1, 9), wait="0.5s",
                    ack_deadline="10s").received_messages
                if not pulled and self._consumer_stopping.is_set():
                    if len(settled) >= len(self.oracle.published):
                        return
                for received in pulled:
                    message_id = received.message.message_id
                    if message_id in settled:
                        self.oracle.problem(f"{message_id} was settled, and "
                                            "was delivered again")
                    if message_id not in self.oracle.pulled:
                        self.oracle.pulled.append(message_id)
                    if self._settle(county, received):
                        settled.add(message_id)

    def _settle(self, county, received):
        """False when the lease was over: then the message comes again."""
        try:
            self._insist(county, "BrokerService/Acknowledge",
                         queue=COUNTY_INTAKE, ack_ids=[received.ack_id])
            return True
        except AssertionError as error:
            if "FAILED_PRECONDITION" in str(error):
                return False
            raise

    def _answer(self, rng, name):
        with Caller(self.city, COUNCIL) as council:
            while not self._stopping.is_set():
                try:
                    matter_id = self._matters.get(timeout=0.2)
                except queue.Empty:
                    continue
                self._one_matter(rng, council, matter_id, name)

    def _one_matter(self, rng, council, matter_id, name):
        worker = {**WORKER, "name": f"Worker {name} of {matter_id}"}
        if rng.random() < 0.7:
            self._insist(council, "CouncilService/OpenMatter",
                         matter_id=matter_id, actor=worker)
        self._insist(council, "CouncilService/TakeMatter", request_id=new_id(),
                     taken={"matter_id": matter_id, "worker": worker})
        self.oracle.answered(matter_id, "taken", worker["name"])
        if rng.random() < 0.7:
            step = f"next step of {matter_id}"
            self._insist(council, "CouncilService/DecideMatter",
                         request_id=new_id(),
                         decision={"matter_id": matter_id, "worker": worker,
                                   "outcome": "OUTCOME_EARLY_HELP",
                                   "next_step": step})
            self.oracle.answered(matter_id, "decided", step)

    def _watch(self, rng, _):
        with Caller(self.city, HOSPITAL) as hospital:
            while not self._stopping.wait(0.02):
                references = self.oracle.references()
                if not references:
                    continue
                self.oracle.saw(self._insist(
                    hospital, "EmergencyService/GetWaiting",
                    sender_reference=rng.choice(references)).status)

    def _consume(self, rng, _):
        known = set()
        with Caller(self.city, COUNCIL) as council:
            while not self._consumer_stopping.wait(0.05):
                try:
                    for message in intake(council, "case-system",
                                          rng.choice([1, 5, 50]),
                                          self._consumer_stopping):
                        if message.message_id in known:
                            continue
                        known.add(message.message_id)
                        self.oracle.offered.append(message.message_id)
                        if (message.kind
                                == message_pb2.MESSAGE_KIND_WAITING_FLAG):
                            self._matters.put(message.matter_ids[0])
                except grpc.RpcError:
                    pass


def intake(council, consumer, credit, stopping, until_heartbeat=False):
    """Messages of StreamIntake, each acknowledged after the next was asked
    for. `until_heartbeat`: until a heartbeat finds nothing new since the one
    before."""
    requests = queue.Queue()
    requests.put({"consumer": consumer, "max_outstanding_messages": credit})
    responses = council.stream("CouncilService/StreamIntake",
                               iter(requests.get, None))
    new = True
    try:
        for response in responses:
            if stopping is not None and stopping.is_set():
                return
            if response.HasField("message"):
                new = True
                yield response.message
                requests.put({"acknowledge_message_ids":
                              [response.message.message_id]})
            elif until_heartbeat:
                if not new:
                    return
                new = False
    finally:
        requests.put(None)
        responses.cancel()


class Killer:
    """Kills and starts again; between two kills the load gets on."""

    def __init__(self, city, oracle, load, seed):
        self.city, self.oracle, self.load = city, oracle, load
        self.rng = random.Random(seed)

    def _progress(self, calls):
        wanted = self.oracle.accepted + calls
        until(lambda: self.oracle.accepted >= wanted or self.oracle.problems(),
              f"{calls} calls are accepted", PATIENCE)

    def cycle(self):
        self._progress(self.rng.randrange(1, 2 * PROGRESS))
        victims = self.rng.choice(VICTIMS)
        if self.rng.random() < 0.8:
            self.load.kill_at_the_next_answer(
                SERVICE_OF[self.rng.choice(victims)],
                [self.city.pid(victim) for victim in victims])
        self.city.kill(*victims)
        if victims == ("broker",) and self.rng.random() < 0.5:
            self._progress(3)  # Accepted with the exchange away: HELD.
        self.city.start(*victims)
        if self.rng.random() < 0.25:  # Once more, in the middle of recovery.
            self.city.kill(*victims)
            self.city.start(*victims)
        self.city.baton("council", "audit", "verify")
        return "+".join(victims)


class Verdict:
    """Compares the quiet city with the oracle."""

    def __init__(self, city, oracle):
        self.oracle = oracle
        self.hospital = Caller(city, HOSPITAL)
        self.council = Caller(city, COUNCIL)
        self.county = Caller(city, COUNTY)
        self.city = city
        self.matters = {}  # Matter id by reference.

    def reach(self):
        self._await_quiet()
        self._check_timelines()
        self._check_inbox()
        self._check_direct()
        self._check_audit()
        self._check_queues()

    def _expect(self, what, wanted, got):
        if wanted != got:
            self.oracle.problem(f"{what}: wanted {wanted}, got {got}")

    def _await_quiet(self):
        """Everything accepted is with the exchange, and every answer is back
        at the hospital."""
        for reference in self.oracle.references():
            try:
                status = until(lambda reference=reference:
                               self._quiet(reference), reference, PATIENCE)
            except AssertionError:
                raise AssertionError(self._what_is_missing(reference)) from None
            self.oracle.saw(status)
            self.matters[reference] = status.matter.matter_id

    def _what_is_missing(self, reference):
        status = self.hospital.call("EmergencyService/GetWaiting",
                                    sender_reference=reference).status
        answers = self.oracle.answers.get(status.matter.matter_id, {})
        return (f"{reference} ({status.matter.matter_id}) is not quiet after "
                f"{PATIENCE} s: {status.held_messages} held, "
                f"\"{status.headline}\", accepted answers: {answers}")

    def _quiet(self, reference):
        status = self.hospital.call("EmergencyService/GetWaiting",
                                    sender_reference=reference).status
        answers = self.oracle.answers.get(status.matter.matter_id, {})
        if (status.held_messages or not status.matter.HasField("delivered")
                or any(not status.matter.HasField(name) for name in answers)):
            return None
        if "taken" in answers:
            self._expect(f"{reference} taken by", answers["taken"],
                         status.matter.taken.actor.name)
        if "decided" in answers:
            self._expect(f"{reference} next step", answers["decided"],
                         status.matter.decision.next_step)
        return status

    def _replay(self):
        """Everything in the inbox, once as much has arrived as was accepted:
        the last messages of a wait may still be on their way."""
        accepted = sum(len(tokens) for tokens in self.oracle.tokens.values())
        deadline = time.monotonic() + PATIENCE
        for attempt in itertools.count():
            messages = list(intake(self.council, f"replay-{attempt}", 100,
                                   None, until_heartbeat=True))
            if len(messages) >= accepted or time.monotonic() > deadline:
                return messages

    def _check_inbox(self):
        """The council has each message once, in order: a new consumer is
        offered everything."""
        messages = self._replay()
        ids = [message.message_id for message in messages]
        for message_id, count in collections.Counter(ids).items():
            self._expect(f"offers of {message_id}", 1, count)
        got = collections.defaultdict(list)
        for message in messages:
            got[message.matter_ids[0]].append(token_of(message))
        for reference, tokens in self.oracle.tokens.items():
            self._expect(f"council's messages of {reference}", tokens,
                         got.pop(self.matters[reference], []))
        self._expect("messages nobody sent", {}, dict(got))
        offered = self.oracle.offered
        self._expect("order of first offers", ids[:len(offered)], offered)

    def _check_timelines(self):
        for reference, tokens in self.oracle.tokens.items():
            matter_id = self.matters[reference]
            entries = until(lambda matter_id=matter_id: self._settled(matter_id),
                            f"every copy of {matter_id} is settled", PATIENCE)
            answers = self.oracle.answers.get(matter_id, {})
            count = collections.Counter(entry.kind for entry in entries)
            taken = count.pop(message_pb2.MESSAGE_KIND_TAKEN, 0)
            decided = count.pop(message_pb2.MESSAGE_KIND_DECISION, 0)
            self._expect(f"Taken about {matter_id}", int("taken" in answers),
                         taken)
            self._expect(f"Decision about {matter_id}",
                         int("decided" in answers), decided)
            self._expect(f"messages about {matter_id}", len(tokens),
                         sum(count.values()))

    def _settled(self, matter_id):
        entries = self.council.call(
            "TrackingService/ListTimeline",
            conversation_id=matter_id.rpartition(".")[0]).entries
        states = {delivery.state for entry in entries
                  for delivery in entry.deliveries}
        if broker_service_pb2.DELIVERY_STATE_DEAD_LETTERED in states:
            self.oracle.problem(f"{matter_id} has a dead letter")
            return entries
        done = states == {broker_service_pb2.DELIVERY_STATE_ACKNOWLEDGED}
        return entries if done else None

    def _check_direct(self):
        self._expect("what the county pulled", self.oracle.published,
                     self.oracle.pulled)

    def _check_audit(self):
        audit = AuditLog(self.council)
        entries = audit.entries()
        self._expect("indices of the audit log", list(range(len(entries))),
                     [entry.index for entry in entries])
        times = [entry.time.ToNanoseconds() for entry in entries]
        self._expect("times of the audit log", sorted(times), times)
        published = [message_id for entry in entries
                     if entry.type == audit_service_pb2.AUDIT_TYPE_PUBLISHED
                     for message_id in entry.message_ids]
        wanted = (sum(map(len, self.oracle.tokens.values()))
                  + sum(map(len, self.oracle.answers.values()))
                  + len(self.oracle.published))
        self._expect("published leaves", wanted, len(published))
        self._expect("published once", wanted, len(set(published)))
        self.city.baton("council", "audit", "verify")

    def _check_queues(self):
        """With nobody else consuming, nothing is left to pull."""
        self.city.stop("emergency", "council")
        for caller, name in ((self.council, INTAKE), (self.hospital, REPLIES),
                             (self.county, COUNTY_INTAKE)):
            left = caller.call("BrokerService/Pull", queue=name, max_messages=10)
            self._expect(f"left in {name}", [],
                         [received.message.message_id
                          for received in left.received_messages])


def run(cycles, seed):
    oracle, tally = Oracle(), collections.Counter()
    with City("kill") as city:
        for name in ("emergency", "council"):
            city.edit(f"{name}.txtpb", 'server_name: "localhost" }',
                      'server_name: "localhost" max_retry_delay { seconds: 2 } }')
        try:
            city.start()
            load = Load(city, oracle, seed)
            killer = Killer(city, oracle, load, seed)
            for _ in range(cycles):
                if oracle.problems():
                    break
                tally[killer.cycle()] += 1
            load.stop()
            Verdict(city, oracle).reach()
        except (AssertionError, Refused, RuntimeError) as error:
            oracle.problem(str(error))
        for text in oracle.problems()[:50]:
            print("PROBLEM:", text)
        if oracle.problems():
            show(city)
    print(f"seed {seed}: {dict(tally)} kills, {oracle.accepted} accepted calls, "
          f"{len(oracle.tokens)} waits, {len(oracle.problems())} problems")
    return 1 if oracle.problems() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=6)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    sys.exit(run(arguments.cycles, arguments.seed))


if __name__ == "__main__":
    main()
