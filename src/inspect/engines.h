/* inspect/engines.h: which engines load a file, by the version it is written in. */
#pragma once
#include "inspect/inspect.h"

/* Fills `engines`: every row of the versions table, in its order. */
void engines_judge(inspect_summary *s);
