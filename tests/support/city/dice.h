#ifndef BATON_TESTS_SUPPORT_CITY_DICE_H_
#define BATON_TESTS_SUPPORT_CITY_DICE_H_

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace baton::city {

// Random choices that come out the same on every machine. std::mt19937_64 is
// portable, the distributions of the standard library are not: these are ours.
// Durations are whole seconds, so that the last bit of log() does not show.
//
// Throw once in an expression: C++ does not say which argument of a call comes
// first.
//
// A value; not thread-safe.
class Dice {
 public:
  // Dice for one thing: what is thrown for one disturbs no other. `what` and
  // `number` name it.
  Dice(uint64_t seed, uint64_t what, uint64_t number);

  // 0 to `count` - 1; `count` must not be 0.
  uint64_t Below(uint64_t count);
  // 0 to less than 1.
  double Unit();
  bool Chance(double probability) { return Unit() < probability; }
  // How often something happens whose mean is `mean`.
  int Poisson(double mean);
  // `least` to `most`.
  absl::Duration Between(absl::Duration least, absl::Duration most);
  // Many short and few long ones; never more than ten times `mean`.
  absl::Duration Around(absl::Duration mean);

  // Index of one of `weights`, in proportion to them.
  size_t Weighted(std::initializer_list<double> weights);
  template <typename List>
  const auto& Pick(const List& list) {
    return list[Below(std::size(list))];
  }
  template <typename T>
  T OneOf(std::initializer_list<T> list) {
    return list.begin()[Below(list.size())];
  }

  // A version 4 UUID.
  std::string Uuid();

 private:
  std::mt19937_64 engine_;
};

// `number` in consonants, at least `width` of them: a reference that spells
// nothing and never looks like an NHS number.
std::string Consonants(uint64_t number, int width);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_DICE_H_
