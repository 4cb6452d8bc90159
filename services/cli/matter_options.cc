#include "services/cli/matter_options.h"

#include "absl/strings/str_cat.h"
#include "baton/v1/custody.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/enquiry.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/missing.pb.h"
#include "services/cli/child_options.h"

namespace baton::cli {
namespace {

using Options = std::vector<OptionSpec>;

OptionSpec Version(const std::string& content) {
  return {"--expected-version", "N",
          "refuse when the matter has moved on since",
          absl::StrCat(content, ".expected_version")};
}

OptionSpec At(const std::string& field, const std::string& help) {
  return {"--at", "TIME", help, field};
}

OptionSpec Reason(const std::string& content) {
  return {"--reason", "TEXT", "why", absl::StrCat(content, ".reason")};
}

OptionSpec InReplyTo() {
  return {"--reply-to", "MESSAGE", "the message this answers", "in_reply_to"};
}

// Custody: who works on it, how urgently, who is offered it.
std::vector<Verb> CustodyVerbs() {
  return {
      {"triage",
       "how urgently it is worked on",
       "triage",
       {{"--grade", "WORD", Choices<v1::TriageGrade>("grade"), "triage.grade"},
        Reason("triage"),
        Version("triage")}},
      {"allocate",
       "who works on it now; custody stays",
       "allocation",
       {{"--worker", "PERSON", "who has it now, \"name;role;team;phone\"",
         "allocation.worker"},
        Reason("allocation"),
        Version("allocation")}},
      {"milestone",
       "something was reached, such as that the child was seen",
       "milestone",
       {{"--code", "WORD", Choices<v1::MilestoneCode>("what"),
         "milestone.code"},
        At("milestone.time", "when"),
        {"--note", "TEXT", "more about it", "milestone.note"}}},
      {"offer",
       "offers it to somebody else; until accepted you hold it",
       "transfer_offer",
       {{"--to", "[CLASS/]CODE[/DESK]", "who is offered it",
         "transfer_offer.offered_to"},
        {"--ground", "WORD", Choices<v1::TransferGround>("ground"),
         "transfer_offer.ground"},
        {"--why", "TEXT", "in words", "transfer_offer.why"},
        {"--attached", "TEXT", "what goes with it", "transfer_offer.attached"},
        Version("transfer_offer")}},
      {"accept",
       "accepts an offer: you hold it from now on",
       "transfer_accepted",
       {{"--accepted-by", "TEXT",
         "who accepted, of a body that is not on the exchange",
         "transfer_accepted.off_exchange.accepted_by"},
        {"--accepted-at", "TIME", "when it did",
         "transfer_accepted.off_exchange.accepted_time"},
        {"--evidence", "TEXT", "letter, e-mail, note of a call",
         "transfer_accepted.off_exchange.evidence"},
        Version("transfer_accepted")}},
      {"decline",
       "declines an offer, or takes yours back",
       "transfer_declined",
       {Reason("transfer_declined"), Version("transfer_declined")}},
  };
}

// Questions between agencies.
std::vector<Verb> EnquiryVerbs() {
  return {
      {"ask",
       "asks partners what they know",
       "information_request",
       {{"--partner", "[CLASS/]CODE[/DESK]", "who is asked", "recipients",
         Takes::kValues},
        {"--question", "TEXT", "what is asked", "information_request.question"},
        {"--deadline", "TIME", "when the answer is needed",
         "information_request.deadline", Takes::kValue, Direction::kAhead}}},
      {"answer",
       "answers such a question; not known is an answer",
       "information_response",
       {InReplyTo(),
        {"--answer", "WORD", Choices<v1::InformationAnswer>("how"),
         "information_response.answer"},
        {"--information", "TEXT", "what is known",
         "information_response.information"},
        {"--reason", "TEXT", "why it is not shared",
         "information_response.reason"}}},
      {"challenge",
       "a professional disagrees",
       "challenge",
       {{"--stage", "N", "of the local procedure, from 1", "challenge.stage"},
        {"--disagreement", "TEXT", "with what, and why",
         "challenge.disagreement"},
        {"--wanted", "TEXT", "what should happen instead",
         "challenge.wanted"}}},
      {"answer-challenge",
       "answers a challenge",
       "challenge_response",
       {InReplyTo(),
        {"--stage", "N", "which stage", "challenge_response.stage"},
        {"--answer", "WORD", Choices<v1::ChallengeAnswer>("what became of it"),
         "challenge_response.answer"},
        Reason("challenge_response")}},
  };
}

// What is said about something said before.
std::vector<Verb> AmendmentVerbs() {
  return {
      {"correct",
       "replaces what was said; the original stays",
       "correction",
       {{"--message", "MESSAGE", "the one corrected",
         "correction.corrects_message_id"},
        Reason("correction"),
        {"--part-type", "TYPE", "of the part, for example baton.v1.Contact",
         "correction.type"},
        {"--part", "FILE",
         "the whole part as it should have been, .json or .txtpb"}}},
      {"withdraw",
       "takes back what was said; closes nothing by itself",
       "withdrawal",
       {{"--message", "MESSAGE", "the one taken back; default: all of yours",
         "withdrawal.message_id"},
        Reason("withdrawal")}},
      {"recall",
       "it was about the wrong child",
       "recall",
       {{"--message", "MESSAGE", "the one recalled", "recall.message_id"},
        {"--reason", "TEXT", "what happened; never repeat what was recalled",
         "recall.reason"},
        {"--noticed", "TIME", "when it was noticed: 72 h run from here",
         "recall.noticed_time"}}},
  };
}

Options ReturnInterviewOptions() {
  return {
      {"--state", "WORD",
       Choices<v1::InterviewState>("how far it got; only done meets the clock"),
       "return_interview.state"},
      At("return_interview.time", "when"),
      {"--by", "TEXT", "who held it", "return_interview.by"},
      {"--independent", "yes|no|unknown", "of the placement and the case",
       "return_interview.independent", Takes::kOptionalValue},
      {"--themes", "TEXT", "themes", "return_interview.themes"},
      {"--childs-views", "TEXT", "the child's views",
       "return_interview.childs_views"},
      {"--safety-plan", "TEXT", "safety plan", "return_interview.safety_plan"},
      {"--episode", "TEXT", "an episode it covers",
       "return_interview.episode_references", Takes::kValues},
  };
}

}  // namespace

Options TakenOptions() {
  return {At("taken.taken_time", "when the person took it"),
          {"--desk", "NAME",
           "on whose duty, when not the holder's: housing, of a joint duty",
           "taken.desk"},
          Version("taken")};
}

Options DecisionOptions() {
  return {
      {"--outcome", "WORD", Choices<v1::Outcome>("what was decided"),
       "decision.outcome"},
      {"--next-step", "TEXT", "what happens next; the sender is told",
       "decision.next_step"},
      {"--reason", "TEXT", "why; stays with the council", "decision.reason"},
      {"--contact-phone", "NUMBER", "number the sender can ring about it",
       "decision.contact_phone"},
      {"--open-case", "TEXT", "the open case the information went to",
       "decision.open_case_reference"},
      {"--desk", "NAME", "on whose duty, when not the holder's",
       "decision.desk"},
      {"--sleeps-tonight", "TEXT",
       "where a homeless young person sleeps; required of one, as is "
       "--accommodation",
       "decision.homeless.sleeps_tonight"},
      {"--accommodation", "WORD",
       Choices<v1::AccommodationAnswer>("what became of the offer"),
       "decision.homeless.accommodation"},
      {"--accommodation-detail", "TEXT", "what was offered, why refused",
       "decision.homeless.detail"},
      At("decision.decided_time", "when the person decided"),
      Version("decision"),
  };
}

std::vector<Verb> Verbs() {
  std::vector<Verb> verbs = {
      {"take", "a named person takes it", "taken", TakenOptions()},
      {"decide", "records the outcome of a contact", "decision",
       DecisionOptions()},
  };
  for (const auto& more : {CustodyVerbs(), EnquiryVerbs(), AmendmentVerbs()}) {
    verbs.insert(verbs.end(), more.begin(), more.end());
  }
  verbs.push_back({"return-interview", "the interview after a missing episode",
                   "return_interview", ReturnInterviewOptions()});
  verbs.push_back(
      {"unlink",
       "two linked matters are not the same",
       "unlink",
       {{"--other", "MATTER", "the other one", "unlink.other_matter_id"},
        Reason("unlink")}});
  verbs.push_back({"release",
                   "releases a restricted matter: matching and copies follow",
                   "release",
                   {Reason("release")}});
  return verbs;
}

}  // namespace baton::cli
