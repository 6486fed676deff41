/* journal/journal.h: the work directory of one move: what was decided, done and found, in SQLite.
 *
 * Everything that must survive a kill at any instruction stands here: the state of the move and
 * how it got there, every change made on a server (written BEFORE it is made, so that it can be
 * taken back after a crash), every step of a cutover (written before it is sent), keys that could
 * not be carried, results of verifications. Each call is one transaction and is on the disk when it
 * answers true.
 *
 * Invariants: the directory is 0700 and the files 0600; no password ever enters (journal_set
 * asserts it). One process writes (journal_lock); others may read at the same time. Thread safe:
 * each call holds the journal, no call waits for anything but the disk. Lists are copied into the
 * caller's arena, so nothing stays locked between calls. Never called from a data path thread. */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

#define JOURNAL_TEXT_MAX ((size_t)1 << 20) /* bytes of one text: setting, step, detail, status */
#define JOURNAL_KEY_SIZE_MAX ((size_t)1 << 16) /* bytes kept of a quarantined key */
#define JOURNAL_PAGE_COUNT_MAX ((size_t)1000)  /* rows of one answer of a listing that is paged */
#define JOURNAL_REASON_SIZE ((size_t)400)      /* reasons of states are cut there */

struct journal;

/* Opens the journal in `workdir`. With `create` a missing directory (not its parents) and a missing
 * journal are made; without it their absence is ERR_STATE. A journal written by a newer handover is
 * refused with ERR_STATE. */
bool journal_open(const char *workdir, bool create, struct journal **ret, err *e) MUST_CHECK;
void journal_close(struct journal *j); /* NULL is fine; gives the lock back */
const char *journal_workdir(const struct journal *j);

/* While relaxed, what is written survives a kill of the process as always, but a crash of the
 * machine only once something strict was written behind it: for the moments under a hold. */
bool journal_relax(struct journal *j, bool relaxed, err *e) MUST_CHECK;

/* Makes this process the one that runs the move, until journal_close or its end. ERR_STATE names
 * the process that already does. */
bool journal_lock(struct journal *j, err *e) MUST_CHECK;
/* The process that runs the move now, 0 when none does. */
bool journal_lock_holder(const char *workdir, int64_t *ret_pid, err *e) MUST_CHECK;

/* --- settings: name -> text or number -------------------------------------------------------- */

/* A URL must come without its password (base/secret.h cuts it out): asserted. */
bool journal_set(struct journal *j, const char *name, const char *text, err *e) MUST_CHECK;
bool journal_set_i64(struct journal *j, const char *name, int64_t value, err *e) MUST_CHECK;
/* Not set: NULL (or `fallback`) and true. */
bool journal_get(struct journal *j, const char *name, arena *a, const char **ret, err *e)
    MUST_CHECK;
bool journal_get_i64(struct journal *j, const char *name, int64_t fallback, int64_t *ret, err *e)
    MUST_CHECK;
bool journal_unset(struct journal *j, const char *name, err *e) MUST_CHECK;

/* --- the state of the move ------------------------------------------------------------------- */

typedef enum {
    JOURNAL_NEW,
    JOURNAL_CHECKED,
    JOURNAL_SNAPSHOT,
    JOURNAL_CATCHING_UP,
    JOURNAL_IN_SYNC,
    JOURNAL_VERIFIED,
    JOURNAL_FENCED,
    JOURNAL_SWITCHED,
    JOURNAL_FINISHED,
    JOURNAL_PAUSED,
    JOURNAL_ABORTED,
    JOURNAL_ROLLED_BACK,
    JOURNAL_STATE_COUNT
} journal_state;

const char *journal_state_name(journal_state state); /* "catching-up" */
/* May `to` follow `from`? From JOURNAL_PAUSED it also depends on what was `interrupted` (otherwise
 * not looked at). */
bool journal_state_may_follow(journal_state from, journal_state interrupted, journal_state to);
bool journal_state_is_final(journal_state state); /* nothing follows */

struct journal_state_row {
    journal_state state;
    journal_state interrupted; /* for JOURNAL_PAUSED: the state before it; else the same as state */
    int64_t at_ms;             /* wall clock */
    char reason[JOURNAL_REASON_SIZE];
};

/* ERR_STATE when `state` may not follow the one that is. To leave a pause, enter `interrupted`. */
bool journal_state_enter(struct journal *j, journal_state state, const char *reason, err *e)
    MUST_CHECK;
bool journal_state_now(struct journal *j, struct journal_state_row *ret, err *e) MUST_CHECK;
/* Oldest first; the newest JOURNAL_PAGE_COUNT_MAX. */
bool journal_state_history(struct journal *j,
                           arena *a,
                           struct journal_state_row **ret,
                           size_t *ret_count,
                           err *e) MUST_CHECK;

/* --- changes on servers ---------------------------------------------------------------------- */

typedef enum {
    JOURNAL_CHANGE_PLANNED, /* perhaps made: the process may have died in between. Undo it. */
    JOURNAL_CHANGE_MADE,
    JOURNAL_CHANGE_UNDONE,
    JOURNAL_CHANGE_KEPT, /* left on purpose, with the operator's consent */
} journal_change_status;

/* `undo_kind` and `undo_argument` are for the program (for example "config-set",
 * "maxmemory-policy volatile-lru"), `what` is for people. An undo must be right whether or not the
 * change was made, and never holds a secret. */
struct journal_change {
    int64_t id;
    err_side side;
    const char *what;
    const char *undo_kind;
    const char *undo_argument;
    journal_change_status status;
    int64_t at_ms; /* wall clock of the planning */
};

/* Before the change is made. id, status and at_ms of `change` are not looked at. */
bool journal_change_add(struct journal *j,
                        const struct journal_change *change,
                        int64_t *ret_id,
                        err *e) MUST_CHECK;
bool journal_change_done(struct journal *j, int64_t id, err *e) MUST_CHECK;
bool journal_change_undone(struct journal *j, int64_t id, err *e) MUST_CHECK;
bool journal_change_kept(struct journal *j, int64_t id, err *e) MUST_CHECK;
/* Planned or made and not taken back, newest first: the order in which to take them back. */
bool journal_changes_open(
    struct journal *j, arena *a, struct journal_change **ret, size_t *ret_count, err *e) MUST_CHECK;
/* All, oldest first. */
bool journal_changes_all(
    struct journal *j, arena *a, struct journal_change **ret, size_t *ret_count, err *e) MUST_CHECK;

/* --- steps of a cutover ---------------------------------------------------------------------- */

struct journal_step {
    int64_t id;
    int64_t cutover; /* 1 for the first attempt */
    int64_t number;  /* of the step, protocol.md section 7 */
    const char *name;
    const char *text; /* what is sent */
    int64_t begin_ms; /* wall clock */
    int64_t end_ms;   /* 0: begun, and nobody knows whether it was done */
    const char *result;
};

/* The number of the next attempt. */
bool journal_cutover_next(struct journal *j, int64_t *ret, err *e) MUST_CHECK;
/* Before it is sent. id, begin_ms, end_ms and result of `begun` are not looked at. */
bool journal_step_begin(struct journal *j,
                        const struct journal_step *begun,
                        int64_t *ret_id,
                        err *e) MUST_CHECK;
bool journal_step_end(struct journal *j, int64_t id, const char *result, err *e) MUST_CHECK;
/* Steps of one attempt, in the order they were begun. */
bool journal_steps(struct journal *j,
                   int64_t cutover,
                   arena *a,
                   struct journal_step **ret,
                   size_t *ret_count,
                   err *e) MUST_CHECK;

/* --- quarantine: keys that could not be carried ---------------------------------------------- */

struct journal_quarantine {
    int64_t id;
    uint32_t db;
    span key; /* cut at JOURNAL_KEY_SIZE_MAX, key_size says the true size */
    uint64_t key_size;
    const char *type;
    const char *reason;
    int64_t offset; /* in the source's stream */
    int64_t at_ms;
    bool accepted;
};

struct journal_quarantine_count {
    uint64_t all;
    uint64_t accepted;
};

/* One transaction for all rows. A key that is there already gets the new reason and offset, and
 * stays accepted only when the reason is the same. id, key_size, at_ms and accepted are not looked
 * at. */
bool journal_quarantine_add(struct journal *j,
                            const struct journal_quarantine *rows,
                            size_t count,
                            err *e) MUST_CHECK;
bool journal_quarantine_count(struct journal *j,
                              struct journal_quarantine_count *ret,
                              err *e) MUST_CHECK;
/* Up to JOURNAL_PAGE_COUNT_MAX rows with an id above `after_id` (0 for the first page). */
bool journal_quarantine_page(struct journal *j,
                             int64_t after_id,
                             arena *a,
                             struct journal_quarantine **ret,
                             size_t *ret_count,
                             err *e) MUST_CHECK;
bool journal_quarantine_accept(struct journal *j, int64_t id, err *e) MUST_CHECK;
/* The key was carried after all, or is gone. Not being there is fine. */
bool journal_quarantine_remove(struct journal *j, uint32_t db, span key, err *e) MUST_CHECK;
/* Both sides were found equal by a comparison that began then: what was noted since stays. */
bool journal_quarantine_clear(struct journal *j, int64_t before_ms, err *e) MUST_CHECK;

/* --- verifications and the status ------------------------------------------------------------ */

struct journal_verification {
    int64_t at_ms; /* wall clock; 0 on the way in means now, on the way out that there is none */
    const char *result;
    uint64_t keys;
    uint64_t differences;
    double seconds;
    const char *detail; /* JSON */
};

bool journal_verification_add(struct journal *j,
                              const struct journal_verification *row,
                              err *e) MUST_CHECK;
bool journal_verification_last(struct journal *j,
                               arena *a,
                               struct journal_verification *ret,
                               err *e) MUST_CHECK;

struct journal_status {
    int64_t at_ms; /* 0: never written */
    int64_t pid;
    const char *json;
};

/* What the running tool knows, once a second, so that `status` has an answer when nothing runs. It
 * is on the disk with the next other write only: losing a second of it in a power cut is fine. */
bool journal_status_write(struct journal *j, const char *json, err *e) MUST_CHECK;
bool journal_status_read(struct journal *j, arena *a, struct journal_status *ret, err *e)
    MUST_CHECK;
