"""The system of one agency that consumes what arrives there."""

import queue
import threading
import time

import grpc

from baton.v1 import message_pb2
from week_agencies import PATIENCE


def kind_of(message):
    """As a plan writes it."""
    return message_pb2.MessageKind.Name(
        message.kind).removeprefix("MESSAGE_KIND_")


class InboxStream:
    """Messages of StreamInbox, each acknowledged after the next was asked for;
    None for a heartbeat, which comes when nothing else does. Ends by raising
    grpc.RpcError, or by close()."""

    def __init__(self, caller, consumer, credit):
        self._requests = queue.Queue()
        self._requests.put({"consumer": consumer,
                            "max_outstanding_messages": credit})
        self._responses = caller.stream("CaseService/StreamInbox",
                                        iter(self._requests.get, None),
                                        wait_for_ready=True)

    def __iter__(self):
        for response in self._responses:
            if not response.HasField("message"):
                yield None
                continue
            yield response.message
            self._requests.put({"acknowledge_message_ids":
                                [response.message.message_id]})

    def close(self):
        self._requests.put(None)
        self._responses.cancel()


class Desk:
    """Reads until close(). Everybody may ask what has arrived."""

    def __init__(self, agency, caller, rng):
        self.agency = agency
        self.offered = []  # Message ids in the order first offered.
        self._caller, self._rng = caller, rng
        self._arrived = threading.Condition()
        self._messages = {}  # By matter, in the order first offered.
        self._known = set()
        self._closed = False
        self._stream = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def await_message(self, matter_id, kinds, still_wanted):
        """The newest message about the matter of one of `kinds` (of any, when
        None). None when `still_wanted` says no before it comes."""
        deadline = time.monotonic() + PATIENCE
        with self._arrived:
            while True:
                for message in reversed(self._messages.get(matter_id, ())):
                    if kinds is None or kind_of(message) in kinds:
                        return message
                if not still_wanted():
                    return None
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"{self.agency}: no {kinds or 'message'} about "
                        f"{matter_id} in {PATIENCE} s")
                self._arrived.wait(0.2)

    def matters(self, kind):
        """Matters about which a message of this kind has arrived."""
        with self._arrived:
            return [matter_id for matter_id, messages in self._messages.items()
                    if any(kind_of(message) == kind for message in messages)]

    def close(self):
        self._closed = True
        if self._stream:
            self._stream.close()
        self._thread.join(PATIENCE)

    def _read(self):
        while not self._closed:
            self._stream = InboxStream(self._caller, "week",
                                       self._rng.choice([1, 5, 50]))
            try:
                for message in filter(None, self._stream):
                    self._keep(message)
            except grpc.RpcError:
                self._stream.close()
                time.sleep(0.05)

    def _keep(self, message):
        with self._arrived:
            if message.message_id in self._known:
                return  # Our acknowledgement was lost.
            self._known.add(message.message_id)
            self.offered.append(message.message_id)
            for matter_id in message.matter_ids:
                self._messages.setdefault(matter_id, []).append(message)
            self._arrived.notify_all()
