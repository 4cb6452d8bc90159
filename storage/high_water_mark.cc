#include "storage/high_water_mark.h"
