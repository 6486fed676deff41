/* audit/key_tally.h: keys, one after the other, into the figures of a fact_sample.
 *
 * Whoever looks at keys (sample.c on a server, dump.c in an RDB file) tells what it found of each;
 * memory is bounded whatever their number: names have a limit (census.h), expiries are counted by
 * second (seconds.h), and of single keys only the largest and the hottest are kept. */
#pragma once
#include "audit/census.h"
#include "audit/seconds.h"
#include "base/buf.h"

#define TALLY_TOP_MAX ((size_t)20)

/* Of one key; what is not known is left 0 or NULL, but for the times. */
typedef struct {
    span name;
    const char *type;     /* as TYPE answers */
    const char *encoding; /* NULL: not known */
    unsigned db;
    uint64_t bytes;
    uint64_t elements;
    bool has_expiry;
    bool never_expires;
    int64_t expires_at_ms; /* wall clock */
    int64_t left_ms;       /* until then */
    int64_t frequency;     /* -1: not known */
} tally_key;

/* A key that is large or hot, its name as it is while it is short enough to be asked about. */
typedef struct {
    fact_key shown;
    buf name;
    shown text; /* what shown.key stands in, and shown.type */
    char type[32];
    uint64_t rank;
} tally_top;

typedef struct {
    arena *memory; /* of the facts */
    fact_sample *s;
    census types, encodings, prefixes;
    tally_top *largest[TALLY_TOP_MAX], *hottest[TALLY_TOP_MAX]; /* descending; NULL: none */
    second_counter seconds;
} key_tally;

void key_tally_init(key_tally *t, arena *memory, fact_sample *s);
void key_tally_add(key_tally *t, const tally_key *key);
/* Into the sample. */
void key_tally_fill(key_tally *t);
void key_tally_clear(key_tally *t);
