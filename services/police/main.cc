// baton-police: missing children and police notices. See
// services/police/README.md.

#include "services/police/police.h"

int main(int argc, char** argv) { return baton::Police::Run(argc, argv); }
