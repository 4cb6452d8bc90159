#include "storage/store_writer.h"
