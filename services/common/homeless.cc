#include "services/common/homeless.h"

#include <algorithm>

namespace baton {

bool IsAboutHomelessness(v1::MessageKind opened_with,
                         const v1::Matter& matter) {
  return opened_with == v1::MESSAGE_KIND_HOMELESS_PRESENTATION ||
         std::any_of(matter.duties().begin(), matter.duties().end(),
                     [](const v1::Duty& duty) {
                       return duty.code() == v1::DUTY_CODE_HOMELESS;
                     });
}

void CheckHomelessAnswer(const v1::HomelessAnswer& answer,
                         const std::string& field, Faults* faults) {
  if (answer.sleeps_tonight().value().empty()) {
    faults->Add(field + ".sleeps_tonight",
                "is required: where the young person sleeps tonight");
  }
  if (!v1::AccommodationAnswer_IsValid(answer.accommodation()) ||
      answer.accommodation() == v1::ACCOMMODATION_ANSWER_UNSPECIFIED) {
    faults->Add(field + ".accommodation",
                "must be stated: accepted, or offered and refused");
  }
}

}  // namespace baton
