#include "tests/support/city/amendments.h"

#include <utility>

#include "services/common/proto_time.h"
#include "tests/support/city/words.h"

namespace baton::city {
namespace {

using absl::Hours;
using absl::Minutes;

constexpr double kNoticed = 0.5;
constexpr double kWithdrawn = 0.01;
constexpr double kRecalled = 0.005;

}  // namespace

void MaybeCorrect(const google::protobuf::Message& right, int child,
                  const v1::Actor& actor, Dice* dice, Story* story) {
  if (!dice->Chance(kNoticed)) return;
  v1::ActOnMatterRequest act;
  *act.mutable_actor() = actor;
  v1::Correction* const correction = act.mutable_correction();
  correction->set_reason("a typing mistake, noticed when filing");
  correction->set_type(right.GetTypeName());
  correction->set_content(right.SerializeAsString());
  story->Respond(story->time() + dice->Between(Minutes(10), Hours(30)),
                 story->raised_by(), child, std::move(act));
}

void MaybeWithdraw(int child, const v1::Actor& actor, Dice* dice,
                   Story* story) {
  if (!dice->Chance(kWithdrawn)) return;
  v1::ActOnMatterRequest act;
  *act.mutable_actor() = actor;
  act.mutable_withdrawal()->set_reason("sent twice by mistake");
  story->Respond(story->time() + dice->Between(Minutes(30), Hours(40)),
                 story->raised_by(), child, std::move(act));
}

void MaybeRecall(int child, const v1::Actor& actor, const v1::Agency& council,
                 Dice* dice, Story* story) {
  if (!dice->Chance(kRecalled)) return;
  const absl::Time recalled =
      story->time() + dice->Between(Minutes(30), Hours(40));
  v1::ActOnMatterRequest act;
  *act.mutable_actor() = actor;
  act.mutable_recall()->set_reason("about another child of that name");
  *act.mutable_recall()->mutable_noticed_time() =
      ToProto(recalled - Minutes(5));
  story->Respond(recalled, story->raised_by(), child, std::move(act));

  v1::ActOnMatterRequest take;
  *take.mutable_actor() = Worker("duty social worker", "MASH", dice);
  take.mutable_taken();
  story->Respond(recalled + dice->Between(Minutes(5), Hours(6)), council, child,
                 std::move(take));
}

}  // namespace baton::city
