"""Looks at how matters stand while everything goes on."""

import random
import threading

from week_agencies import PATIENCE


class Watch:
    """Asks the exchange about one case after another, as whoever raised it,
    and shows the oracle. Until close()."""

    def __init__(self, agencies, oracle, seed):
        self.agencies, self.oracle = agencies, oracle
        self._rng = random.Random(seed)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def close(self):
        self._closed.set()
        self._thread.join(PATIENCE)

    def _look(self):
        while not self._closed.wait(0.05):
            known = self.oracle.sample()
            if not known:
                continue
            case, conversation_id = self._rng.choice(known)
            try:
                conversation = self.agencies.insist(
                    case[0], "TrackingService/GetConversation",
                    conversation_id=conversation_id).conversation
            except Exception as error:  # pylint: disable=broad-except
                self.oracle.problem(f"looking at {conversation_id}: {error}",
                                    case)
                return
            for matter in conversation.matters:
                self.oracle.saw(case, matter)
