/* migrate/facts.h: what the preflight reads from the two servers, once. */
#pragma once
#include "migrate/preflight.h"

#define RATE_SAMPLE_MS 1500

typedef struct {
    span info; /* INFO all */
    uint64_t used_memory, dataset, keys;
    uint64_t expiring;         /* keys with an expiry */
    uint64_t fields_expiring;  /* hashes with fields that have one */
    uint64_t database_highest; /* that holds keys; 0 when none does */
    int64_t clock_skew_ms;     /* the server's clock minus ours */
} server_facts;

typedef struct {
    move *m;
    arena memory;
    server_facts source, target; /* of a file: what it says of its source */
    preflight_result *result;
} facts;

bool facts_read(facts *f, err *e) MUST_CHECK;
void facts_clear(facts *f);
/* A setting, or an empty span where CONFIG is not allowed or does not know it. */
span facts_config(facts *f, engine *s, const char *name);
bool facts_config_u64(facts *f, engine *s, const char *name, uint64_t *ret);
/* How often a command was called, from commandstats. */
uint64_t facts_calls(const server_facts *s, const char *command);
/* "268435456" as "256.0 MB" */
typedef struct {
    char text[32];
} bytes_text;
bytes_text bytes_show(double bytes);
