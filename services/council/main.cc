// baton-council: the front door of a council's children's services. See
// services/council/README.md.

#include "services/council/council.h"

int main(int argc, char** argv) { return baton::Council::Run(argc, argv); }
