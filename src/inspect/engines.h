/* inspect/engines.h: which engines load a file, by the version it is written in. */
#pragma once
#include "inspect/inspect.h"

/* Fills `engines`: every row of the versions table, in its order. */
void engines_judge(inspect_summary *s);

/* Is `version` in what the table says of an engine: "1-11 with magic REDIS, 80 with magic VALKEY;
 * 12-79 refused"? What stands behind a semicolon is a remark. */
bool engines_loads(const char *versions_loaded, uint16_t version);
