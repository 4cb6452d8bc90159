#ifndef BATON_TESTS_SUPPORT_CITY_AMENDMENTS_H_
#define BATON_TESTS_SUPPORT_CITY_AMENDMENTS_H_

#include "google/protobuf/message.h"
#include "tests/support/city/story.h"

// What a sender says about what it said.
namespace baton::city {

// The part of child `child` as it should have been, some hours later; half of
// what was mistyped is never noticed.
void MaybeCorrect(const google::protobuf::Message& right, int child,
                  const v1::Actor& actor, Dice* dice, Story* story);

// Now and then a sender takes it all back.
void MaybeWithdraw(int child, const v1::Actor& actor, Dice* dice, Story* story);

// Or it was about the wrong child: a recall, which somebody at `council` takes
// by name.
void MaybeRecall(int child, const v1::Actor& actor, const v1::Agency& council,
                 Dice* dice, Story* story);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_AMENDMENTS_H_
