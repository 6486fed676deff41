/* drill/ledger.h: what one client wrote and what it met, noted by the thread that watches it.
 *
 * Every write has a number of its own, and its key is the prefix of the client with the number
 * behind it. Numbers are noted in the order of their acknowledgement. One lock; the counts are
 * some hundred a second. */
#pragma once
#include <pthread.h>

#include "base/mem.h"
#include "drill/failure.h"

#define LEDGER_WRITES_MAX ((size_t)1000000)
#define LEDGER_TEXT_SIZE ((size_t)160)

typedef struct {
    uint64_t n;
    int64_t at_ns; /* when it was acknowledged */
} ledger_write;

typedef struct {
    pthread_mutex_t lock;
    ledger_write *writes;
    size_t count, room;
    uint64_t attempted; /* the highest number that may have been written */
    uint64_t failures[FAILURE_COUNT];
    char examples[FAILURE_COUNT][LEDGER_TEXT_SIZE]; /* the first text of each kind */
    int64_t failed_ns;                              /* the last failure; 0: none */
    bool is_full; /* LEDGER_WRITES_MAX: later writes are not noted */
} ledger;

void ledger_init(ledger *l);
void ledger_clear(ledger *l);
void ledger_attempt(ledger *l, uint64_t n);
void ledger_acknowledge(ledger *l, uint64_t n);
void ledger_fail(ledger *l, drill_failure kind, span text);
/* The last acknowledged write; false: none yet. */
bool ledger_last(ledger *l, ledger_write *ret);
/* Failures so far, and the last of them. */
uint64_t ledger_failures(ledger *l, int64_t *ret_last_ns);

/* When nobody writes to it any more. The longest time without an acknowledged write that ended
 * after `from_ns` (or has not ended at `until_ns`). */
int64_t ledger_stall_ns(const ledger *l, int64_t from_ns, int64_t until_ns);
