#ifndef BATON_TESTS_SUPPORT_CITY_WORDS_H_
#define BATON_TESTS_SUPPORT_CITY_WORDS_H_

#include <array>
#include <string>

#include "baton/v1/agency.pb.h"
#include "tests/support/city/dice.h"

// Invented people and what they say. No child has a worker's family name.
namespace baton::city {

inline constexpr std::array kGirls = {
    "Amira", "Bea",   "Carys", "Dilys", "Elowen", "Fatou", "Greta", "Hana",
    "Imke",  "Jemma", "Kezia", "Liv",   "Maren",  "Niamh", "Oona",  "Perla"};
inline constexpr std::array kBoys = {
    "Adeel", "Bram", "Caius", "Dov",  "Emrys", "Fergus", "Gideon", "Hugo",
    "Idris", "Joss", "Kofi",  "Lorn", "Milo",  "Nadir",  "Otis",   "Piotr"};
inline constexpr std::array kFamilies = {
    "Ashlark",    "Brindle",      "Cobbwell",  "Dunmarrow",  "Eversedge",
    "Fallowmere", "Gantry",       "Harkaway",  "Inglethorn", "Jessamy",
    "Kettlewick", "Larkspur",     "Mossop",    "Nettleship", "Oakmantle",
    "Pellinore",  "Quillfeather", "Rushbeck",  "Sallowby",   "Thornquist",
    "Umberlee",   "Vexholm",      "Wrenfield", "Yarrowdale"};
inline constexpr std::array kWorkers = {
    "A. Fenwick",  "B. Lindqvist", "C. Adeyemi",  "D. Marlow", "E. Prakash",
    "F. Castell",  "G. Whitby",    "H. Novakova", "I. Rahman", "J. Stroud",
    "K. Baptiste", "L. Ferreira",  "M. Osei",     "N. Tanaka"};
inline constexpr std::array kStreets = {
    "Tinderbox Lane",  "Quarry Steps", "Mill Weir Road", "Plumtree Gardens",
    "Old Tram Street", "Heron Walk",   "Chandler's Row", "Beacon Terrace"};
inline constexpr std::array kPlaces = {
    "the bus station",         "a friend's flat",     "the retail park",
    "a park near the river",   "the railway station", "an address known to us",
    "outside the school gates"};
inline constexpr std::array kEthnicities = {
    "White British", "Black Caribbean", "Pakistani", "Mixed",
    "Chinese",       "White other",     "Arab"};
inline constexpr std::array kLanguages = {"Polish", "Urdu",    "Romanian",
                                          "Arabic", "Kurdish", "Tigrinya"};

inline constexpr std::array kConcerns = {
    "came to school hungry and in the same clothes all week",
    "a bruise on the upper arm; the account given changed twice",
    "says that nobody is at home in the evenings",
    "very withdrawn since the parents separated",
    "not seen at school or at home for two weeks",
    "an older man waits outside in a car, gifts nobody can explain",
    "shouting and crying heard most nights",
    "cares for a parent who is unwell, often late and exhausted",
    "missed three appointments for a condition that needs treatment",
    "hurt themselves last night, not for the first time"};
inline constexpr std::array kOwnWords = {
    "I don't want to go home", "please don't tell my dad",
    "it's fine, it was only once", "I get scared when they argue",
    "nobody asked me"};
inline constexpr std::array kSafetyNow = {
    "in school until 15:30, a grandparent collects",
    "on the ward, a nurse with them", "at home with the other parent",
    "with a neighbour who rang us"};
inline constexpr std::array kImpacts = {
    "sleeps badly, falls behind at school", "frightened to go home",
    "no longer meets friends", "pain, and a wound that heals slowly"};
inline constexpr std::array kIncidents = {
    "neighbours rang about a disturbance; both parents had been drinking",
    "a disclosure to a member of staff at the end of a lesson",
    "found alone in the street after midnight",
    "attended with an injury; the explanation did not fit",
    "a parent told us that they cannot keep the children safe"};
inline constexpr std::array kNextSteps = {
    "a social worker will ring you today", "we will visit within two days",
    "the early help hub will be in touch", "please keep us informed",
    "your information went to the team that knows the family"};

// Somebody at work: name, role, team and a number of the kind kept for
// fiction (0115 496 0000 to 0999).
v1::Actor Worker(absl::string_view role, absl::string_view team, Dice* dice);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_WORDS_H_
