#include "storage/model_store.h"
