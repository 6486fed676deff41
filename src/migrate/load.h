/* migrate/load.h: a move whose source is an RDB file: it is loaded, and ends by itself.
 *
 * The file is read three times: once before anything is written (its checksum, and what is in it
 * for the preflight), once for the target, and once in the end, to hold the number of keys on the
 * target against it. What it was at the first reading is in the journal: a run that goes on does so
 * only with the same content. */
#pragma once
#include "dump/summary.h"
#include "repl/receiver.h"

struct journal;

typedef struct {
    char *path;
    receiver_file file;   /* path and identity are those of the checked one */
    uint64_t largest;     /* bytes of the largest key in it */
    uint64_t used_memory; /* of the server that saved it, as it says; 0: it does not */
    dump_summary summary; /* of this run's check; empty when there was none */
    bool is_checked;
} load_source;

/* Looks at the file; reads it whole when it is not known yet (`whole`: in any case). ERR_STATE: it
 * is not the one that this move began with. */
bool load_check(load_source *l, const char *path, struct journal *j, bool whole, err *e) MUST_CHECK;
void load_clear(load_source *l);
/* Bytes of disk that the spool needs: the file is there, so it need not run far ahead. */
uint64_t load_spool_bytes(const load_source *l, uint64_t bytes_max);
