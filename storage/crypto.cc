#include "storage/crypto.h"
