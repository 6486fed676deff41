/* audit/client_section.h: the two sections about clients: who is connected, and what to set. */
#pragma once
#include "audit/client_groups.h"

void client_section_who(report *r, arena *scratch, const client_groups *g);
void client_section_storm(report *r, uint64_t connections, uint64_t limit);
/* Puts the snippet for a row of the clients' table there, once; false: there is none. `base` is
 * what the library reported itself as. */
bool client_section_snippet(report *r, const char *client, const char *base);

const char *client_age_show(arena *a, int64_t age_s); /* "12 d", "3 h", "40 s" */
/* A sampled key or prefix that starts like that; NULL when none was seen. */
const char *client_key_like(const audit_facts *f, const char *prefix);
