/* verify/verify.h: compares two live servers, both directions, all databases.
 *
 * A first pass reads every key of both sides in batches. What was not equal there goes to the
 * suspects, which are read again in rounds, so that replication lag and traffic are no difference.
 * What no round could settle is a difference of one class, or `unsettled` when it kept changing on
 * both sides. Memory is constant whatever the number and the size of the keys. What is compared
 * and what is not stands in docs/verify.md. */
#pragma once
#include <signal.h>

#include "base/mem.h"
#include "engine/url.h"
#include "verify/classify.h"

#define VERIFY_ROUNDS_DEFAULT 5
#define VERIFY_ROUNDS_MAX 100
#define VERIFY_TTL_TOLERANCE_MS_DEFAULT 1000
#define VERIFY_EXAMPLES_MAX 10 /* named per class */

typedef struct {
    const char *phase; /* "keys", "extra keys", "suspects", "functions" */
    int db;
    uint64_t keys;     /* read in this phase and database */
    uint64_t keys_all; /* about as many are there */
    uint64_t suspects;
} verify_progress;

typedef struct {
    const engine_url *source; /* the database in a URL is left out: all are compared */
    const engine_url *target;
    int64_t ttl_tolerance_ms; /* expiry times may differ by that much */
    int rounds;               /* 0: the default */
    /* NULL: none. A file that keeps where the run stands; when it is there the run goes on from it,
     * and at the end it is deleted. */
    const char *state;
    const volatile sig_atomic_t *stop; /* NULL: none; set: the run ends with ERR_STOPPED */
    void (*progress)(void *context, const verify_progress *p); /* NULL: none; a few per second */
    void *progress_context;
    /* NULL: none; called for each key that stays different, once, with its whole name. `db` -1: the
     * name of a function library. */
    void (*difference)(void *context, verify_class class, int db, span key);
    void *difference_context;
} verify_options;

typedef struct {
    verify_class class;
    int db;
    span key; /* at most VERIFY_KEY_SHOWN_MAX bytes of it */
    const char *detail;
} verify_example;

typedef struct {
    int db;
    uint64_t compared;  /* keys of the source */
    uint64_t on_target; /* keys of the target, without bookkeeping */
} verify_db;

typedef struct {
    uint64_t source, target; /* libraries there */
    uint64_t missing, extra, different;
    bool compared; /* false: neither side has functions, or one side's version has none */
} verify_functions;

typedef struct {
    uint64_t compared;    /* keys of the source that were compared */
    uint64_t held;        /* of them: expiry held back on the target */
    uint64_t bytes;       /* of answers read from both sides */
    uint64_t bookkeeping; /* keys of the target left out */
    uint64_t large;       /* keys compared element by element */
    uint64_t rechecked;   /* keys that went to the suspects */
    uint64_t counts[VERIFY_CLASSES];
    size_t db_count;
    verify_db *dbs;
    size_t example_count;
    verify_example *examples;
    verify_functions functions;
    int64_t began_ms; /* wall clock; of the first run when it was interrupted */
    uint64_t times;   /* it was interrupted */
    double seconds;   /* of all runs */
    arena memory;     /* holds the lists */
} verify_result;

/* False: no result (ERR_STOPPED, or the error of a side: its `side` is set). `ret` is filled also
 * then with what is known; clear it in both cases. */
bool verify_run(const verify_options *o, verify_result *ret, err *e) MUST_CHECK;
void verify_result_clear(verify_result *r);

/* Differences of all classes, functions and unsettled keys included: 0 means equal. */
uint64_t verify_differences(const verify_result *r);
