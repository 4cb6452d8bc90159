#include "services/broker/kind_rules.h"

#include <iterator>

namespace baton {
namespace {

// Told about children. A follow-up that lost its conversation opens one rather
// than be lost.
constexpr KindRule Told(v1::MessageKind kind, absl::string_view content) {
  return {kind,
          content,
          /*opens=*/true,
          /*about_matters=*/false,
          Sayer::kParticipant,
          Tells::kNamed,
          v1::MESSAGE_KIND_UNSPECIFIED};
}

// Said by the exchange itself.
constexpr KindRule OfTheExchange(v1::MessageKind kind,
                                 absl::string_view content) {
  KindRule rule = Told(kind, content);
  rule.sayer = Sayer::kExchange;
  return rule;
}

// Said to oneself, about nobody.
constexpr KindRule ToItself(v1::MessageKind kind, absl::string_view content) {
  KindRule rule = Told(kind, content);
  rule.tells = Tells::kItself;
  return rule;
}

// Said about matters that are there.
constexpr KindRule About(
    v1::MessageKind kind, absl::string_view content, Sayer sayer, Tells tells,
    v1::MessageKind answers = v1::MESSAGE_KIND_UNSPECIFIED) {
  return {kind,  content, /*opens=*/false, /*about_matters=*/true,
          sayer, tells,   answers};
}

// clang-format off
constexpr KindRule kRules[] = {
  OfTheExchange(v1::MESSAGE_KIND_UNSPECIFIED, ""),

  Told(v1::MESSAGE_KIND_CONTACT, "baton.v1.Contact"),
  Told(v1::MESSAGE_KIND_PHONE_CONTACT, "baton.v1.PhoneContact"),
  Told(v1::MESSAGE_KIND_POLICE_NOTICE, "baton.v1.PoliceNotice"),
  Told(v1::MESSAGE_KIND_MISSING_REPORT, "baton.v1.MissingReport"),
  Told(v1::MESSAGE_KIND_MISSING_UPDATE, "baton.v1.MissingUpdate"),
  Told(v1::MESSAGE_KIND_FOUND_REPORT, "baton.v1.FoundReport"),
  Told(v1::MESSAGE_KIND_PREVENTION_INTERVIEW, "baton.v1.PreventionInterview"),
  Told(v1::MESSAGE_KIND_RETURN_INTERVIEW, "baton.v1.ReturnInterview"),
  Told(v1::MESSAGE_KIND_WAITING_FLAG, "baton.v1.WaitingFlag"),
  Told(v1::MESSAGE_KIND_WAITING_UPDATE, "baton.v1.WaitingUpdate"),
  Told(v1::MESSAGE_KIND_WAITING_MOVED, "baton.v1.WaitingMoved"),
  Told(v1::MESSAGE_KIND_WAITING_END, "baton.v1.WaitingEnd"),
  Told(v1::MESSAGE_KIND_HOMELESS_PRESENTATION, "baton.v1.HomelessPresentation"),
  Told(v1::MESSAGE_KIND_PLACEMENT_NOTICE, "baton.v1.PlacementNotice"),
  Told(v1::MESSAGE_KIND_ATTACHMENT, ""),
  Told(v1::MESSAGE_KIND_MANIFEST, ""),
  ToItself(v1::MESSAGE_KIND_TEST_MESSAGE, "baton.v1.TestMessage"),

  OfTheExchange(v1::MESSAGE_KIND_ESCALATION, ""),
  OfTheExchange(v1::MESSAGE_KIND_ALERT, "baton.v1.Alert"),

  // Answers, and the work on a matter.
  About(v1::MESSAGE_KIND_TAKEN, "baton.v1.Taken",
        Sayer::kHolderOrDuty, Tells::kNamed),
  About(v1::MESSAGE_KIND_DECISION, "baton.v1.Decision",
        Sayer::kHolderOrDuty, Tells::kNamed),
  About(v1::MESSAGE_KIND_TRIAGE, "baton.v1.Triage",
        Sayer::kHolder, Tells::kHolder),
  About(v1::MESSAGE_KIND_ALLOCATION, "baton.v1.Allocation",
        Sayer::kHolder, Tells::kHolder),
  About(v1::MESSAGE_KIND_MILESTONE, "baton.v1.Milestone",
        Sayer::kHolderPoliceOrCouncil, Tells::kHolder),
  About(v1::MESSAGE_KIND_UNLINK, "baton.v1.Unlink",
        Sayer::kHolder, Tells::kHolder),
  About(v1::MESSAGE_KIND_RELEASE, "baton.v1.Release",
        Sayer::kHolder, Tells::kHolder),

  // Custody moves.
  About(v1::MESSAGE_KIND_TRANSFER_OFFER, "baton.v1.TransferOffer",
        Sayer::kHolder, Tells::kOfferedTo),
  About(v1::MESSAGE_KIND_TRANSFER_ACCEPTED, "baton.v1.TransferAccepted",
        Sayer::kOfferedTo, Tells::kHolder),
  About(v1::MESSAGE_KIND_TRANSFER_DECLINED, "baton.v1.TransferDeclined",
        Sayer::kOfferedTo, Tells::kHolder),

  // Questions between agencies.
  About(v1::MESSAGE_KIND_INFORMATION_REQUEST, "baton.v1.InformationRequest",
        Sayer::kParticipant, Tells::kNamed),
  About(v1::MESSAGE_KIND_INFORMATION_RESPONSE, "baton.v1.InformationResponse",
        Sayer::kParticipant, Tells::kNamed,
        v1::MESSAGE_KIND_INFORMATION_REQUEST),
  About(v1::MESSAGE_KIND_CHALLENGE, "baton.v1.Challenge",
        Sayer::kParticipant, Tells::kNamed),
  About(v1::MESSAGE_KIND_CHALLENGE_RESPONSE, "baton.v1.ChallengeResponse",
        Sayer::kParticipant, Tells::kNamed,
        v1::MESSAGE_KIND_CHALLENGE),

  // What a sender says about what it said before.
  About(v1::MESSAGE_KIND_CORRECTION, "baton.v1.Correction",
        Sayer::kAuthor, Tells::kReaders),
  About(v1::MESSAGE_KIND_WITHDRAWAL, "baton.v1.Withdrawal",
        Sayer::kAuthor, Tells::kReaders),
  About(v1::MESSAGE_KIND_RECALL, "baton.v1.Recall",
        Sayer::kAuthor, Tells::kReaders),
};
// clang-format on

static_assert(std::size(kRules) == v1::MessageKind_ARRAYSIZE,
              "every kind has its rule");

}  // namespace

const KindRule& RuleOf(v1::MessageKind kind) {
  for (const KindRule& rule : kRules) {
    if (rule.kind == kind) return rule;
  }
  return kRules[0];
}

bool MayNameNobody(const KindRule& rule) {
  return rule.tells != Tells::kNamed && rule.tells != Tells::kItself;
}

bool StandsAlone(const KindRule& rule) {
  return rule.tells == Tells::kOfferedTo || rule.sayer == Sayer::kOfferedTo ||
         rule.kind == v1::MESSAGE_KIND_RECALL ||
         rule.kind == v1::MESSAGE_KIND_HOMELESS_PRESENTATION;
}

}  // namespace baton
