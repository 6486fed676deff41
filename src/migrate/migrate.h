/* migrate/migrate.h: one move as a workflow over a work directory: preflight, link, cutover,
 * finish. The journal holds the state; every function here may be called again after a kill. */
#pragma once
#include <signal.h>

#include "apply/link.h"
#include "journal/journal.h"

/* What a verification found; made by a function that the command line hands in, because features
 * do not include each other. */
typedef struct {
    bool equal;
    uint64_t keys;
    uint64_t differences;
    double seconds;
    char *detail; /* JSON; free() it */
} migrate_verification;

typedef bool migrate_verify_run(const engine_url *source,
                                const engine_url *target,
                                const volatile sig_atomic_t *stop,
                                migrate_verification *ret,
                                err *e);

typedef enum { PROGRESS_AUTO, PROGRESS_LINE, PROGRESS_PLAIN, PROGRESS_NONE } progress_kind;

typedef struct {
    const char *workdir;
    engine_url source; /* borrowed; host NULL: as the journal says, perhaps with a password here */
    engine_url target;
    bool cutover_auto;
    bool verify;       /* before an automatic cutover */
    bool skip_network; /* before any cutover */
    bool dry_run;
    target_policy policy;
    const char *replica; /* "none", "auto", HOST:PORT; NULL: none */
    bool flush_pass;
    bool allow_source_config; /* settings may be changed for the time of the move */
    bool allow_target_config;
    const char *const *accepted; /* ids of preflight reasons the operator takes on */
    size_t accepted_count;
    uint64_t spool_bytes_max;
    uint64_t spool_segment_bytes;
    int64_t hold_horizon_ms;
    int64_t cutover_deadline_ms;
    int64_t lag_max_ms;
    const char *switch_hook;   /* a file; NULL: none */
    const char *hooks;         /* a directory; NULL: as the move knows it */
    throttle_limits throttle;  /* -1: as the move knows it, 0: no limit */
    const char *throttle_file; /* NULL: "throttle" in the work directory */
    const char *metrics;       /* HOST:PORT to serve them on; NULL: nowhere */
    progress_kind progress;
    migrate_verify_run *verify_run;
} migrate_options;

bool migrate_run(const migrate_options *o, int *ret_exit, err *e) MUST_CHECK;
/* Prints; json: the documented object (docs/migrate.md), else for people. */
bool migrate_status(const char *workdir, bool json, err *e) MUST_CHECK;

typedef struct {
    bool dry_run;
    bool force;        /* the switch hook failed, but clients are on the target */
    bool undo;         /* the switch hook began, but clients are back on the source */
    bool skip_verify;  /* no fresh verification is asked for */
    bool skip_network; /* whether a new client reaches the target is not asked */
} cutover_order;

/* Orders to the process that runs the move; printed is what it answers. */
/* Keys that need someone. `ids` are numbers of the list; accept also takes "all", and retry without
 * any tries all that are not accepted. ret_refused: how many stay. */
bool migrate_quarantine_list(const char *workdir, bool json, err *e) MUST_CHECK;
bool migrate_quarantine_accept(const char *workdir, const char *const *ids, size_t count, err *e)
    MUST_CHECK;
bool migrate_quarantine_retry(const char *workdir,
                              const char *const *ids,
                              size_t count,
                              uint64_t *ret_refused,
                              err *e) MUST_CHECK;
/* The running move copies these keys again by value, through its link. Of no key: whether there is
 * one. */
typedef struct {
    int db;
    span key;
} migrate_key;
bool migrate_copy(const char *workdir,
                  const migrate_key *keys,
                  size_t count,
                  uint64_t *ret_refused,
                  err *e) MUST_CHECK;
/* Without a limit in it the present ones are told. */
bool migrate_throttle(const char *workdir, const throttle_limits *change, err *e) MUST_CHECK;
bool migrate_pause(const char *workdir, bool pause, err *e) MUST_CHECK;
bool migrate_cutover(const migrate_options *o, const cutover_order *order, err *e) MUST_CHECK;
bool migrate_abort(const migrate_options *o, err *e) MUST_CHECK;
bool migrate_finish(const migrate_options *o, bool keep_fence, err *e) MUST_CHECK;
