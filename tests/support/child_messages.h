#ifndef BATON_TESTS_SUPPORT_CHILD_MESSAGES_H_
#define BATON_TESTS_SUPPORT_CHILD_MESSAGES_H_

#include <string>

#include "baton/v1/child.pb.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/directory.h"
#include "services/common/identity.h"

// Messages about invented children, for tests of what the broker does by rule
// with what they say.
namespace baton {

inline constexpr char kOfficer[] = "council/E06000018/officer";
inline constexpr char kSchoolOffice[] = "school/123456/office";
inline constexpr char kPoliceDesk[] = "police/E23000019/replies";
inline constexpr char kPublicDesk[] = "public/DESK/replies";

Identity PublicCaller();  // public/DESK

// TestBrokerConfig with numbers to ring, a desk for allegations at
// council/E06000018, a care board, a housing authority and a public desk.
v1::BrokerConfig ChildRulesConfig();
// Everybody may say everything to everybody.
v1::AccessPolicy OpenAccessPolicy();
Directory DirectoryOf(const v1::BrokerConfig& config);

// Persephone Wollaton, born 2012-03-04, at school 123456, with everything a
// child can have.
v1::Child Persephone();
// A child that shares nothing with another.
v1::Child OtherChild(const std::string& family);

// A valid message without parts. Each call makes a new idempotency key.
v1::Message EmptyMessage(v1::MessageKind kind, const std::string& queue);
// The same within a conversation.
v1::Message FollowUp(v1::MessageKind kind, const std::string& queue,
                     const std::string& conversation_id);

// Adds the part about `matter_id`; empty is the common part.
template <typename Content>
v1::Message With(v1::Message message, const std::string& matter_id,
                 const Content& content) {
  v1::PayloadPart* const part = message.add_payload();
  part->set_matter_id(matter_id);
  part->set_type(Content::descriptor()->full_name());
  part->set_content(content.SerializeAsString());
  return message;
}

// The content of part `index`; an empty one when it is of another type.
template <typename Content>
Content PartOf(const v1::Message& message, int index = 0) {
  Content content;
  if (index < message.payload_size() &&
      message.payload(index).type() == Content::descriptor()->full_name()) {
    content.ParseFromString(message.payload(index).content());
  }
  return content;
}

v1::Message WaitMessage(const v1::Child& child);
v1::Message MissingMessage(const v1::Child& child, bool restricted = false);
v1::Message FoundMessage(const std::string& conversation_id,
                         const std::string& matter_id);
v1::Message NoticeMessage(const v1::Child& child, bool domestic_abuse);
v1::Message ContactMessage(const v1::Child& child);
v1::Message AllegationMessage(const v1::Child& child);
v1::Message ReleaseMessage(const std::string& conversation_id,
                           const std::string& matter_id);
v1::Message UnlinkMessage(const std::string& conversation_id,
                          const std::string& matter_id,
                          const std::string& other_matter_id);

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_CHILD_MESSAGES_H_
