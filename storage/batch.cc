#include "storage/batch.h"
