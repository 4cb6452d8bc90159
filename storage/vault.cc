#include "storage/vault.h"
