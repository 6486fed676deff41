/* drill/advice.h: what to set when a client did not follow, by its library's row in
 * data/clients.tsv and by what it met. Pure but for the table. */
#pragma once
#include "drill/drill.h"

/* "" when there is nothing to say. */
const char *advice_for(const drill_client *c, arena *memory);
/* For connections that stayed. */
const char *advice_for_library(const char *library, const char *version, arena *memory);
