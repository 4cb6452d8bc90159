// baton-school: a school's contacts and alerts. See services/school/README.md.

#include "services/school/school.h"

int main(int argc, char** argv) { return baton::School::Run(argc, argv); }
