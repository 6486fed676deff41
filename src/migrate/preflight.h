/* migrate/preflight.h: everything that speaks against starting, found at once, before anything is
 * changed. One row of a table per check; each reason says what was found, the arithmetic behind
 * it, and what to do. Reasons an operator may take on have an id for --accept. */
#pragma once
#include "migrate/changes.h"
#include "migrate/setting.h"

#define PREFLIGHT_REASONS_MAX 64

typedef struct {
    const char *id;
    bool acceptable; /* --accept ID lets it pass */
    bool accepted;
    err_side side;
    char text[480];
    char hint[320];
} preflight_reason;

typedef struct {
    size_t count;
    preflight_reason reasons[PREFLIGHT_REASONS_MAX];
    size_t refusals; /* reasons not accepted */
    /* Facts for the plan and the summary. */
    uint64_t source_keys;
    uint64_t source_bytes;     /* used_memory_dataset */
    double write_bytes_per_s;  /* of the source's stream, measured */
    double snapshot_s;         /* estimated */
    double spool_for_stream;   /* bytes: what it can take while a snapshot comes beside it */
    bool dual_channel;         /* the source offers that */
    int64_t source_silence_ms; /* so long a source that is well is never silent */
    size_t setting_count;      /* changed with consent, for the time of the move */
    struct preflight_setting {
        change_kind kind;
        setting_change change;
    } settings[3];
} preflight_result;

/* Reads from both servers; changes nothing. False only when a server cannot be asked at all. */
bool preflight_run(move *m, preflight_result *ret, err *e) MUST_CHECK;
/* Every reason with what to do, on standard error; sums up in an err when there are refusals. */
bool preflight_judge(const preflight_result *r, err *e) MUST_CHECK;
