/* apply/governor.h: how much may be written to the target now. Pure: the clock is handed in.
 *
 * Two buckets hold what may still be written, in commands and in bytes; each fills at its limit and
 * may go into debt, because a transaction is never cut in two. Evidence about the target comes from
 * outside (apply/gauge.h), several times a second:
 *   - its latency: above the limit the speed is halved at each look (four times as much when it is
 *     four times above), below it grows again by a quarter, until nothing is held back any more;
 *   - its memory: what was written lately is counted on top of what it said, as many times as bytes
 *     on the wire lately became bytes there (compressed strings grow), so that the limit is not
 *     overrun between two looks; before the first look, and at the limit until
 *     MEMORY_BACK_PERCENT of the maximum are free again below it, nothing is written;
 *   - a file of the operator's whose presence stops everything.
 * A cutover lifts all of it while it drains: under a hold every millisecond counts. */
#pragma once
#include "base/base.h"

/* 0: no limit. */
typedef struct {
    int64_t ops_per_s; /* commands */
    int64_t bytes_per_s;
    int64_t latency_ms;     /* of the target, as another client of it sees it */
    int64_t memory_percent; /* of the target's maxmemory */
} throttle_limits;

/* In the order in which they are told: the first that holds is the reason. */
typedef enum {
    THROTTLE_NONE,
    THROTTLE_FILE,
    THROTTLE_MEMORY,
    THROTTLE_LATENCY,
    THROTTLE_OPS,
    THROTTLE_BYTES,
} throttle_reason;

typedef struct {
    bool file;
    uint64_t latency_number; /* of the look; the same number is not counted again */
    int64_t latency_ns;      /* -1: not known */
    uint64_t memory_number;
    uint64_t memory_used;
    uint64_t memory_max; /* 0: not known */
} throttle_evidence;

typedef struct {
    size_t ops; /* 0: nothing may be written now */
    size_t bytes;
    int wait_ms; /* until there is more; only when nothing may be written */
} throttle_budget;

typedef struct {
    double per_s; /* 0: no limit */
    double tokens;
    int64_t short_ns; /* when it was empty last; 0: never */
} throttle_bucket;

typedef struct {
    throttle_limits limits;
    throttle_evidence seen;
    bool lifted;
    bool memory_full;
    /* Bytes written since the last look at the memory, and between that and the one before: some of
     * them may still have been on their way. */
    uint64_t since_look, before_look;
    int64_t memory_short_ns; /* when there was no room last; 0: never */
    double growth;           /* bytes of memory reckoned for one that is written */
    double share; /* of the free speed, while the latency holds it back; 0: it does not */
    double free_ops, free_bytes;       /* the speed when it began to */
    double rate_ops[2], rate_bytes[2]; /* measured, in the last window and the one before */
    uint64_t window_ops, window_bytes; /* of the present one */
    int64_t window_ns;
    int64_t filled_ns;
    throttle_bucket ops, bytes;
} governor;

void governor_init(governor *g, int64_t now_ns);
void governor_limit(governor *g, const throttle_limits *limits, bool lifted);
void governor_learn(governor *g, const throttle_evidence *seen, int64_t now_ns);
throttle_budget governor_budget(governor *g, int64_t now_ns);
void governor_spend(governor *g, size_t ops, size_t bytes);
throttle_reason governor_reason(const governor *g, int64_t now_ns);

/* What the rest of the tool is told of it. */
typedef struct {
    throttle_limits limits;
    throttle_evidence seen;
    throttle_reason reason;
} throttle_status;
const char *throttle_reason_name(throttle_reason reason); /* "latency"; "none" */
/* One clause for people; empty when nothing is held back. */
typedef struct {
    char text[160];
} throttle_text;
throttle_text throttle_show(const throttle_status *s);
