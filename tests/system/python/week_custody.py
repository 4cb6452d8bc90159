"""Who holds what: one holder, whom everybody sees, with the receipts that were
given."""

from baton.v1 import conversation_pb2
from baton_city import until
from week_agencies import PATIENCE, name_of

_ENOUGH = 5  # Problems.
# What may change when a matter is decided and its holder stays.
_AFTER_A_DECISION = ("version", "allocated", "milestones", "withdrawn",
                     "recalled", "corrected", "duties", "links")


def queue_of(address):
    return f"{name_of(address.agency)}/{address.desk}"


def _team(matter, receipt):
    return ([getattr(matter, receipt).actor.team] if matter.HasField(receipt)
            else [])


class Custody:
    """Compares what the exchange says, what was accepted and what agencies
    show. `expect` takes what is compared, what is wanted, what is there, and
    the case."""

    def __init__(self, agencies, oracle, expect):
        self.agencies, self.oracle, self._expect = agencies, oracle, expect
        self.holders = {}  # Queues, in order, by matter.

    def check(self, case, conversation_id):
        conversation = self.agencies.insist(
            case[0], "TrackingService/GetConversation",
            conversation_id=conversation_id).conversation
        for matter in conversation.matters:
            self.oracle.saw(case, matter, "the exchange")
            self._check_receipts(case, matter)
            self.holders[matter.matter_id] = [
                queue_of(custody.holder)
                for custody in (*matter.past_custodies, matter)]
        self._check_shown(case, conversation)

    def _check_receipts(self, case, matter):
        child = int(matter.matter_id.rpartition(".")[2])
        said = [call for calls in self.oracle.calls_of(case).values()
                for call in calls if call.concerns(child)]
        moves = [call for call in said if call.kind == "TRANSFER_ACCEPTED"]
        self._expect(f"past custodies of {matter.matter_id}", len(moves),
                     len(matter.past_custodies), case)
        if moves:
            self._expect(f"holder of {matter.matter_id}", moves[-1].agency,
                         name_of(matter.holder.agency), case)
        holder = name_of(matter.holder.agency)
        takes = [call.token for call in said
                 if call.kind == "TAKEN" and call.agency == holder
                 and not call.takes_recall
                 and not call.fields["taken"].get("desk")]
        if moves:
            takes = [moves[-1].token]
        decisions = [call for call in said if call.kind == "DECISION"
                     and call.agency == holder
                     and not call.fields["decision"].get("desk")]
        self._expect(f"who took {matter.matter_id}", takes[:1],
                     _team(matter, "taken"), case)
        self._expect(f"who decided {matter.matter_id}",
                     [call.token for call in decisions[-1:]],
                     _team(matter, "decided"), case)
        for call in decisions[-1:]:
            self._expect(f"next step of {matter.matter_id}",
                         call.fields["decision"]["next_step"],
                         matter.decision.next_step, case)

        recalls = [call.token for call in said if call.takes_recall]
        self._expect(f"who took recalls of {matter.matter_id}", recalls,
                     [duty.taken.actor.team for duty in matter.duties
                      if duty.code == conversation_pb2.DUTY_CODE_RECALL
                      and duty.HasField("taken")], case)

    def _check_shown(self, case, conversation):
        """Who raised it sees what the exchange says."""
        raised_by, reference = case
        for place, matter in enumerate(conversation.matters):
            def shown(place=place):
                status = self.agencies.insist(
                    raised_by, "CaseService/GetCase",
                    sender_reference=reference).status
                return status.matters[place].matter
            self._expect_shown(case, raised_by, matter, shown)

    def check_rows(self, agency):
        """Who received it sees what the exchange says."""
        cases = {number: case for case, number in self.oracle.sample()}
        for matter_id, row in self._rows(agency).items():
            conversation_id, _, child = matter_id.rpartition(".")
            matter = self.agencies.insist(
                agency, "TrackingService/GetConversation",
                conversation_id=conversation_id
                ).conversation.matters[int(child) - 1]
            if self._comparable(row) != self._comparable(matter):
                self._expect_shown(
                    cases.get(conversation_id), agency, matter,
                    lambda matter_id=matter_id: self._rows(agency)[matter_id])

    def _rows(self, agency):
        """Custody of everything that an agency received, as it shows it."""
        return {row.matter_id: row.matter for row in self.agencies.pages(
            agency, "CaseService/ListInbox", "items", include_settled=True)}

    def _expect_shown(self, case, agency, matter, shown):
        """`shown` says how the agency shows what the exchange calls `matter`;
        it may not have heard yet."""
        if len(self.oracle.problems()) >= _ENOUGH:
            return
        wanted = self._comparable(matter)
        try:
            until(lambda: self._comparable(shown()) == wanted,
                  f"{agency} shows {matter.matter_id} as it is", PATIENCE)
        except AssertionError as error:
            self._expect(str(error), wanted, self._comparable(shown()), case)

    def _comparable(self, matter):
        """Of a matter that is decided, what only custody can change: catching
        up after a kill is about what goes on."""
        if not self.oracle.cycle or not matter.HasField("decided"):
            return matter
        compared = conversation_pb2.Matter()
        compared.CopyFrom(matter)
        for field in _AFTER_A_DECISION:
            compared.ClearField(field)
        return compared
