#include "services/broker/publish_check.h"

#include <optional>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/broker/attachment.h"
#include "services/broker/custody_content.h"
#include "services/broker/kind_rules.h"
#include "services/broker/part_form.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/common/environment.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

constexpr size_t kMaxTokenBytes = 128;
constexpr size_t kMaxAttributeKeyBytes = 64;
constexpr size_t kMaxAttributeValueBytes = 256;
constexpr absl::Duration kMaxClockSkew = absl::Hours(24);

// W3C trace context, version 00.
bool IsTraceparent(absl::string_view text) {
  constexpr absl::string_view kForm =
      "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool fits = kForm[i] == 'h' ? absl::ascii_isxdigit(text[i]) &&
                                            !absl::ascii_isupper(text[i])
                                      : text[i] == kForm[i];
    if (!fits) return false;
  }
  return true;
}

// Checks one message; `path` is "messages[i]".
class MessageCheck {
 public:
  MessageCheck(const PublishLimits& limits, absl::Time now, std::string path,
               v1::Message* message, Faults* faults)
      : limits_(limits),
        now_(now),
        path_(std::move(path)),
        message_(message),
        faults_(faults) {}

  void Run() {
    CheckBrokerFields();
    CheckCodes();
    CheckRecipients();
    CheckKeys();
    CheckTimes();
    CheckAttributes();
    CheckActor();
    CheckParts();
    CheckAboutMatters();
    CheckToItself();
    CheckAttachments();
  }

 private:
  void Fault(absl::string_view field, absl::string_view description) {
    faults_->Add(absl::StrCat(path_, ".", field), description);
  }

  void Mark(v1::MarkCode code, absl::string_view field) {
    v1::Mark* mark = message_->add_marks();
    mark->set_code(code);
    mark->set_field(std::string(field));
  }

  // Anything outside the payload may be logged and shown: no NHS numbers.
  void CheckNothingPersonal(absl::string_view field, absl::string_view text) {
    if (LooksLikeNhsNumber(text)) {
      Fault(field,
            "looks like an NHS number; nothing personal may stand outside the "
            "payload");
    }
  }

  void CheckBrokerFields() {
    if (!message_->message_id().empty() || message_->has_sender() ||
        message_->has_publish_time() || !message_->matter_ids().empty()) {
      Fault("message_id",
            "message_id, sender, publish_time and matter_ids are set by the "
            "exchange; leave them empty");
    }
    // A sender may pass on marks of its own checks, within bounds.
    if (message_->marks_size() > 64) Fault("marks", "at most 64");
    for (const v1::Mark& mark : message_->marks()) {
      CheckNothingPersonal("marks", mark.field());
      if (mark.field().size() > kMaxAttributeValueBytes) {
        Fault("marks", "a field path has at most 256 bytes");
      }
    }
  }

  void CheckCodes() {
    if (!v1::MessageKind_IsValid(message_->kind()) ||
        message_->kind() == v1::MESSAGE_KIND_UNSPECIFIED) {
      Fault("kind", "must be a message kind of this version");
    }
    if (!v1::Purpose_IsValid(message_->purpose()) ||
        message_->purpose() == v1::PURPOSE_UNSPECIFIED) {
      Fault("purpose", "must be stated");
    }
    if (message_->environment() != limits_.environment) {
      Fault("environment",
            absl::StrCat("this exchange is ",
                         v1::Environment_Name(limits_.environment),
                         "; live and training never mix"));
    }
    if (!v1::Priority_IsValid(message_->priority())) {
      Fault("priority", "must be a priority of this version");
    }
    if (message_->legal_basis() == v1::LEGAL_BASIS_UNSPECIFIED) {
      Mark(v1::MARK_CODE_NO_LEGAL_BASIS, "legal_basis");
    }
    if (message_->format_version() != 1) {
      Fault("format_version", "must be 1");
    }
  }

  void CheckRecipients() {
    const int count = message_->recipients_size();
    const int least = MayNameNobody(RuleOf(message_->kind())) ? 0 : 1;
    if (count < least || count > limits_.max_recipients) {
      Fault("recipients", absl::StrCat(least, " to ", limits_.max_recipients,
                                       ", not ", count));
      return;
    }
    int acting = 0;
    std::set<std::string> seen;
    for (int i = 0; i < count; ++i) {
      const v1::Recipient& recipient = message_->recipients(i);
      const std::string field = absl::StrCat("recipients[", i, "]");
      acting += recipient.role() == v1::RECIPIENT_ROLE_ACTION;
      CheckRecipient(field, recipient);
      if (!seen.insert(QueueName(recipient.address())).second) {
        Fault(field, "is named twice");
      }
    }
    if (OpensMatters() && acting != 1) {
      Fault("recipients",
            absl::StrCat("a message that opens matters names exactly one "
                         "recipient with role ACTION, not ",
                         acting));
    }
  }

  void CheckRecipient(const std::string& field,
                      const v1::Recipient& recipient) {
    const v1::Address& address = recipient.address();
    if (ClassName(address.agency().agency_class()).empty() ||
        !IsAgencyCode(address.agency().code())) {
      Fault(field + ".address.agency",
            "needs a class and a code of 1 to 16 of A-Z and 0-9");
    }
    if (!address.desk().empty() && !IsDeskName(address.desk())) {
      Fault(field + ".address.desk", "must be 1 to 32 of a-z, 0-9 and '-'");
    }
    const bool joint =
        recipient.role() == v1::RECIPIENT_ROLE_JOINT &&
        message_->kind() == v1::MESSAGE_KIND_HOMELESS_PRESENTATION;
    if (recipient.role() != v1::RECIPIENT_ROLE_ACTION &&
        recipient.role() != v1::RECIPIENT_ROLE_COPY && !joint) {
      Fault(field + ".role",
            "must be ACTION or COPY; JOINT in a homeless presentation only");
    }
    if (recipient.has_redirected_to()) {
      Fault(field + ".redirected_to", "is set by the exchange");
    }
  }

  void CheckToken(absl::string_view field, absl::string_view text) {
    if (!IsToken(text, kMaxTokenBytes)) {
      Fault(field, "must be 1 to 128 printable ASCII characters");
    }
    if (!IsUuid(text)) CheckNothingPersonal(field, text);
  }

  void CheckKeys() {
    CheckToken("idempotency_key", message_->idempotency_key());
    if (!message_->ordering_key().empty()) {
      CheckToken("ordering_key", message_->ordering_key());
    }
    // Its form leaves no room for anything else; a random trace id now and
    // then holds ten digits on their own.
    if (!message_->traceparent().empty() &&
        !IsTraceparent(message_->traceparent())) {
      Fault("traceparent",
            "must be 00-<32 hex>-<16 hex>-<2 hex> in lower case");
    }
    if (!message_->conversation_id().empty() &&
        !ParseConversationId(message_->conversation_id()).ok()) {
      Fault("conversation_id", "is no conversation id of this exchange");
    }
    CheckNothingPersonal("conversation_id", message_->conversation_id());
    if (!message_->in_reply_to().empty() &&
        !ParseMessageId(message_->in_reply_to()).ok()) {
      Fault("in_reply_to", "is no message id of this exchange");
    }
    CheckNothingPersonal("in_reply_to", message_->in_reply_to());
    if (message_->sender_sequence() < 0) {
      Fault("sender_sequence", "must not be negative");
    }
  }

  void CheckTimes() {
    if (!message_->has_idempotency_time()) {
      Fault("idempotency_time", "is required: when the key was first used");
    } else if (FromProto(message_->idempotency_time()) > now_ + kMaxClockSkew) {
      Fault("idempotency_time",
            "is more than a day ahead: set the sending machine's clock");
    }
    if (message_->has_deliver_time() && FromProto(message_->deliver_time()) >
                                            now_ + limits_.max_deliver_ahead) {
      Fault("deliver_time",
            absl::StrCat("is more than ",
                         absl::FormatDuration(limits_.max_deliver_ahead),
                         " ahead"));
    }
    if (message_->has_deliver_time() && message_->has_expire_time() &&
        FromProto(message_->expire_time()) <=
            FromProto(message_->deliver_time())) {
      Fault("expire_time", "is not after deliver_time");
    }
  }

  void CheckAttributes() {
    if (message_->attributes_size() > PublishLimits::kMaxAttributes) {
      Fault("attributes",
            absl::StrCat("at most ", PublishLimits::kMaxAttributes));
    }
    for (const auto& [key, value] : message_->attributes()) {
      if (!IsToken(key, kMaxAttributeKeyBytes)) {
        Fault("attributes", "a key has 1 to 64 printable ASCII characters");
      }
      if (value.size() > kMaxAttributeValueBytes) {
        Fault("attributes", "a value has at most 256 bytes");
      }
      CheckNothingPersonal("attributes", key);
      CheckNothingPersonal("attributes", value);
    }
  }

  void CheckActor() {
    const v1::Actor& actor = message_->actor();
    if (actor.name().size() > 128 || actor.role().size() > 128 ||
        actor.team().size() > 128) {
      Fault("actor", "name, role and team have at most 128 bytes each");
    }
    if (actor.phone().size() > 32) {
      Fault("actor.phone", "has at most 32 bytes");
    }
    if (actor.secure_email().size() > 254) {
      Fault("actor.secure_email", "has at most 254 bytes");
    }
  }

  static bool IsNewMatter(absl::string_view matter_id) {
    int number = 0;
    return absl::ConsumePrefix(&matter_id, "#") &&
           absl::SimpleAtoi(matter_id, &number) && number >= 1 &&
           absl::StrCat(number) == matter_id;
  }

  bool OpensMatters() const {
    for (const v1::PayloadPart& part : message_->payload()) {
      if (IsNewMatter(part.matter_id())) return true;
    }
    return false;
  }

  void CheckParts() {
    if (message_->payload_size() > PublishLimits::kMaxParts) {
      Fault("payload",
            absl::StrCat("at most ", PublishLimits::kMaxParts, " parts"));
      return;
    }
    size_t bytes = 0;
    int opened = 0;
    std::set<std::string> seen;
    for (int i = 0; i < message_->payload_size(); ++i) {
      const v1::PayloadPart& part = message_->payload(i);
      const std::string field = absl::StrCat("payload[", i, "]");
      bytes += part.content().size();
      if (!seen.insert(part.matter_id()).second) {
        Fault(field + ".matter_id", "has a part already");
      }
      if (IsNewMatter(part.matter_id())) {
        if (part.matter_id() != absl::StrCat("#", ++opened)) {
          Fault(field + ".matter_id",
                "new matters are numbered #1, #2 ... in order");
        }
      } else if (!part.matter_id().empty() &&
                 !ParseMatterId(part.matter_id()).ok()) {
        Fault(field + ".matter_id", "is no matter id of this exchange");
      }
      CheckNothingPersonal(field + ".matter_id", part.matter_id());
      CheckContent(field, part);
    }
    if (opened > 0 && !message_->conversation_id().empty()) {
      Fault("payload",
            "new matters are opened by a conversation's first "
            "message only");
    }
    if (opened > limits_.max_matters) {
      Fault("payload", absl::StrCat("at most ", limits_.max_matters,
                                    " matters in a conversation"));
    }
    if (bytes > limits_.max_payload_bytes) {
      Fault("payload", absl::StrCat("has ", bytes, " bytes; at most ",
                                    limits_.max_payload_bytes));
    }
  }

  // Content of a type we know must parse (bad UTF-8 does not); other content
  // is the sender's and recipient's own affair.
  void CheckContent(const std::string& field, const v1::PayloadPart& part) {
    if (!IsToken(part.type(), kMaxTokenBytes)) {
      Fault(field + ".type", "must be the full name of a protobuf message");
      return;
    }
    CheckNothingPersonal(field + ".type", part.type());
    const PartContent content = ParsePart(part.type(), part.content());
    switch (content.form) {
      case PartForm::kWellFormed:
        CheckNhsNumbers(*content.message, limits_.environment,
                        absl::StrCat(path_, ".", field, ".content"), faults_);
        break;
      case PartForm::kUnknownType:
        Mark(v1::MARK_CODE_UNKNOWN_VALUE, field + ".type");
        break;
      case PartForm::kBroken:
        Fault(field + ".content",
              absl::StrCat("is no well-formed ", part.type(),
                           " (wrong type, cut short, or text that is not "
                           "UTF-8)"));
        break;
    }
  }

  // What is said about matters acts on them: it must be exactly what its kind
  // says, about a matter that is there.
  void CheckAboutMatters() {
    const KindRule& rule = RuleOf(message_->kind());
    if (!rule.about_matters) return;
    if (message_->conversation_id().empty()) {
      Fault("conversation_id", "is required: this kind is about its matters");
    }
    if (message_->payload().empty()) {
      Fault("payload", "needs one part per matter it is about");
    }
    if (rule.answers != v1::MESSAGE_KIND_UNSPECIFIED &&
        message_->in_reply_to().empty()) {
      Fault("in_reply_to", "must name the message it answers");
    }
    for (int i = 0; i < message_->payload_size(); ++i) {
      const std::string field = absl::StrCat("payload[", i, "].content");
      const std::optional<CustodyContent> content =
          ParseCustody(rule, message_->payload(i));
      if (content.has_value()) {
        CheckCustodyContent(*content, absl::StrCat(path_, ".", field), faults_);
      } else {
        Fault(field, absl::StrCat("must be a well-formed ", rule.content,
                                  " about the matter its part names"));
      }
    }
  }

  // What passes the access policy unasked carries nothing.
  void CheckToItself() {
    const KindRule& rule = RuleOf(message_->kind());
    if (rule.tells != Tells::kItself) return;
    if (message_->recipients_size() > 1) {
      Fault("recipients", "are the sender's own desk alone");
    }
    if (!message_->conversation_id().empty()) {
      Fault("conversation_id", "must be empty: it belongs to none");
    }
    if (message_->payload_size() != 1 ||
        !message_->payload(0).matter_id().empty() ||
        message_->payload(0).type() != rule.content) {
      Fault("payload", absl::StrCat("is one ", rule.content, ", about nobody"));
    }
    if (!message_->attachments().empty()) {
      Fault("attachments", "do not go with it");
    }
  }

  void CheckAttachments() {
    if (message_->attachments_size() > PublishLimits::kMaxAttachments) {
      Fault("attachments",
            absl::StrCat("at most ", PublishLimits::kMaxAttachments));
    }
    if (message_->kind() == v1::MESSAGE_KIND_ATTACHMENT &&
        message_->attachments().empty()) {
      Fault("attachments", "an ATTACHMENT names at least one");
    }
    for (const v1::Attachment& attachment : message_->attachments()) {
      if (attachment.sha256().size() != 32 || attachment.size_bytes() < 0 ||
          attachment.size_bytes() > kMaxAttachmentBytes) {
        Fault("attachments", "need a SHA-256 and a size of at most 20 MiB");
      }
      if (!IsToken(attachment.media_type(), kMaxTokenBytes)) {
        Fault("attachments", "need a media type, for example image/jpeg");
      }
      if (!attachment.matter_id().empty() &&
          !IsNewMatter(attachment.matter_id()) &&
          !ParseMatterId(attachment.matter_id()).ok()) {
        Fault("attachments", "name a matter of this exchange, or none");
      }
      CheckNothingPersonal("attachments", attachment.media_type());
      CheckNothingPersonal("attachments", attachment.matter_id());
    }
  }

  const PublishLimits& limits_;
  const absl::Time now_;
  const std::string path_;
  v1::Message* const message_;
  Faults* const faults_;
};

}  // namespace

void CheckPublish(const PublishLimits& limits, absl::Time now,
                  v1::PublishRequest* request, Faults* faults) {
  const int count = request->messages_size();
  if (count < 1 || count > PublishLimits::kMaxMessages) {
    faults->Add("messages", absl::StrCat("1 to ", PublishLimits::kMaxMessages,
                                         ", not ", count));
    return;
  }
  const size_t bytes = request->ByteSizeLong();
  if (bytes > PublishLimits::kMaxPublishBytes) {
    faults->Add("messages",
                absl::StrCat("together have ", bytes, " bytes; at most ",
                             PublishLimits::kMaxPublishBytes));
    return;
  }
  std::set<std::string> keys;
  for (int i = 0; i < count; ++i) {
    if (!keys.insert(request->messages(i).idempotency_key()).second) {
      faults->Add(absl::StrCat("messages[", i, "].idempotency_key"),
                  "is used by an earlier message of this request");
    }
    MessageCheck(limits, now, absl::StrCat("messages[", i, "]"),
                 request->mutable_messages(i), faults)
        .Run();
  }
}

void CheckMessage(const PublishLimits& limits, absl::Time now,
                  v1::Message* message, Faults* faults) {
  if (message->ByteSizeLong() > PublishLimits::kMaxPublishBytes) {
    faults->Add("messages[0]",
                absl::StrCat("has more than ", PublishLimits::kMaxPublishBytes,
                             " bytes"));
    return;
  }
  MessageCheck(limits, now, "messages[0]", message, faults).Run();
}

v1::PublishRefusal ToRefusal(const absl::Status& why) {
  v1::PublishRefusal refusal;
  refusal.set_code(static_cast<int32_t>(why.code()));
  refusal.set_message(std::string(why.message()));
  refusal.set_status(SerializeStatus(why));
  return refusal;
}

}  // namespace baton
