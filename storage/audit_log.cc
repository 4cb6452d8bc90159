#include "storage/audit_log.h"
