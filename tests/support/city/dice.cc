#include "tests/support/city/dice.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace baton::city {
namespace {

// splitmix64: neighbouring numbers give unrelated seeds.
uint64_t Mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

constexpr double kMostAtOnce = 16;  // exp(-mean) stays far from 0.
constexpr absl::string_view kConsonants = "bcdfghjklmnpqrstvwxz";

}  // namespace

Dice::Dice(uint64_t seed, uint64_t what, uint64_t number)
    : engine_(Mixed(Mixed(Mixed(seed) ^ what) ^ number)) {}

uint64_t Dice::Below(uint64_t count) {
  // Not quite even: off by count / 2^64, which nobody will see.
  return static_cast<uint64_t>(
      (static_cast<unsigned __int128>(engine_()) * count) >> 64);
}

double Dice::Unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

// Knuth's method; the sum of two is distributed as one of the summed means.
int Dice::Poisson(double mean) {
  int count = 0;
  for (double left = mean; left > 0; left -= kMostAtOnce) {
    const double limit = std::exp(-std::min(left, kMostAtOnce));
    for (double product = Unit(); product > limit; product *= Unit()) ++count;
  }
  return count;
}

absl::Duration Dice::Between(absl::Duration least, absl::Duration most) {
  const int64_t span = absl::ToInt64Seconds(most - least);
  return least + absl::Seconds(Below(span + 1));
}

absl::Duration Dice::Around(absl::Duration mean) {
  const double times = std::min(-std::log1p(-Unit()), 10.0);
  return absl::Seconds(
      static_cast<int64_t>(absl::ToDoubleSeconds(mean) * times));
}

size_t Dice::Weighted(std::initializer_list<double> weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  double left = Unit() * sum;
  size_t index = 0;
  for (const double weight : weights) {
    left -= weight;
    if (left < 0) break;
    ++index;
  }
  return std::min(index, weights.size() - 1);
}

std::string Dice::Uuid() {
  const uint64_t high = engine_();
  const uint64_t low = engine_();
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32,
                         high >> 16 & 0xffff, high & 0xfff,
                         0x8000 | (low >> 48 & 0x3fff), low & 0xffffffffffff);
}

std::string Consonants(uint64_t number, int width) {
  std::string text;
  for (; number != 0 || width > 0; --width, number /= kConsonants.size()) {
    text.insert(text.begin(), kConsonants[number % kConsonants.size()]);
  }
  return text;
}

}  // namespace baton::city
