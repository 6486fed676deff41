/* migrate/progress.h: rates, the estimate of the time left, and the one progress line. */
#pragma once
#include "migrate/move.h"

typedef struct {
    progress_kind kind;
    int64_t next_ns; /* of the next line */
    int64_t last_ns; /* of the last sample */
    uint64_t last_keys, last_commands, last_bytes;
    bool drawn;
} progress;

void progress_init(progress *p, progress_kind kind);
/* Takes a sample, updates the move's rates, draws when due. */
void progress_update(progress *p, move *m, const link_status *s);
void progress_end(progress *p); /* the line goes */
