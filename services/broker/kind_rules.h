#ifndef BATON_SERVICES_BROKER_KIND_RULES_H_
#define BATON_SERVICES_BROKER_KIND_RULES_H_

#include "absl/strings/string_view.h"
#include "baton/v1/message.pb.h"

// What the exchange demands of each kind of message, in one table. Pure data.
namespace baton {

// Who may say it. Whoever says something in a conversation is a participant of
// it in any case.
enum class Sayer {
  kParticipant,
  kHolder,                 // Of the matter.
  kHolderOrDuty,           // Or a party with a duty of its own on it.
  kHolderPoliceOrCouncil,  // Or police, or any council.
  kOfferedTo,              // See custody.h for bodies off the exchange.
  kAuthor,                 // Of the message it is about.
  kExchange,               // The exchange itself, nobody else.
};

// Whom the broker adds to the recipients when the sender did not name them.
enum class Tells {
  kNamed,      // Nobody: the sender names at least one.
  kHolder,     // The holder; nobody when that is the sender.
  kOfferedTo,  // Who is offered the matter, when on the exchange.
  kReaders,    // Everyone who got what it is about, and the holder.
  kItself,     // Nobody: the sender names itself, and nobody else gets it.
};

struct KindRule {
  v1::MessageKind kind;
  // Full protobuf name of the part about a matter.
  absl::string_view content;
  // May be the first message of a conversation.
  bool opens;
  // Speaks about matters and acts on them: each part is `content` and names
  // its matter; anything else is refused. Otherwise content is the sender's
  // and the recipients' affair: a typo must not lose a child.
  bool about_matters;
  Sayer sayer;
  Tells tells;
  // The kind of message it must reply to; UNSPECIFIED: none.
  v1::MessageKind answers;
};

// The rule of a kind; a kind of a later version is treated as UNSPECIFIED,
// which nobody may say.
const KindRule& RuleOf(v1::MessageKind kind);

// True when a message of the kind may leave it to the broker to whom it goes.
bool MayNameNobody(const KindRule& rule);

// True when nothing else may be said about its matters in the same request:
// each message of a request is checked against the state before all of them.
bool StandsAlone(const KindRule& rule);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_KIND_RULES_H_
