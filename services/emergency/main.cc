// baton-emergency: flags children who wait in an emergency department. See
// services/emergency/README.md.

#include "services/emergency/emergency.h"

int main(int argc, char** argv) { return baton::Emergency::Run(argc, argv); }
