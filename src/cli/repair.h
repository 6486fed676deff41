/* cli/repair.h: from the differences of a verification to orders for the move that runs. */
#pragma once
#include "base/mem.h"
#include "migrate/migrate.h"
#include "verify/verify.h"

#define REPAIR_KEYS_MAX ((size_t)10000) /* in one run; what is beyond is counted */
#define REPAIR_BYTES_MAX (8 * MIB)      /* of their names */
#define REPAIR_SHOWN_MAX ((size_t)20)   /* named one by one */

typedef struct {
    const char *workdir;
    arena memory;
    migrate_key *keys;
    size_t count;
    size_t bytes;
    uint64_t left;    /* differences that are not repaired: functions, unsettled, too many */
    bool keeps_extra; /* the move merges: keys that only the target has are somebody's */
} repair_list;

/* ERR_USAGE, ERR_STATE: no move runs there that could take an order. */
bool repair_begin(repair_list *l, const char *workdir, err *e) MUST_CHECK;
/* A verify_options.difference; context: the list. */
void repair_note(void *context, verify_class class, int db, span key);
/* The running move copies them; returns when it has. */
bool repair_run(repair_list *l, err *e) MUST_CHECK;
void repair_end(repair_list *l);
