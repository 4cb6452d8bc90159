#include "storage/seal.h"
