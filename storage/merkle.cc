#include "storage/merkle.h"
