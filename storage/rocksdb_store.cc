#include "storage/rocksdb_store.h"
