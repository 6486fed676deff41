/* verify/verify_internal.h: what the parts of one verification share. */
#pragma once
#include "rdb/digest.h"
#include "rdb/payload.h"
#include "verify/lane.h"
#include "verify/suspects.h"
#include "verify/verify.h"

#define VALUE_WHOLE_MAX (1 * MIB)  /* a larger value is compared in windows */
#define WINDOW_BYTES_MAX (4 * MIB) /* values asked for in one go, per side */
#define WINDOW_ITEM_BYTES (512 * KIB)

/* Where the passes are. All databases before this one are done. */
typedef enum { PLACE_FORWARD, PLACE_REVERSE } place_stage;
typedef struct {
    size_t db_index; /* in the result's list */
    place_stage stage;
    uint64_t position; /* SCAN goes on there */
    uint64_t expires;  /* keys with an expiry, as the forward pass was begun */
} verify_place;

typedef struct verify {
    const verify_options *o;
    verify_result *result;
    int rounds;
    net_loop *loop;
    lane source;
    lane target;
    struct rdb_digester *digester;
    suspects *open; /* what the passes found */
    suspects *next; /* what a round could not settle */
    int reconnects;
    int64_t progress_due_ns;
    struct tally *tally; /* verify/tally.c */
    verify_place place;
    verify_db *db; /* the one being compared, beside its old self in the list; NULL: none */
    bool settling;
    int64_t begun_ns;
    int64_t save_due_ns;
    int64_t spent_before_ms; /* by earlier runs, */
    uint64_t bytes_before;   /* and what they read */
} verify;

/* verify.c */
bool verify_stopped(const verify *v, err *e); /* true: ERR_STOPPED is set */
/* After an error: true when it was the connection and both sides answer again; `e` is kept
 * otherwise. Positions of SCAN stay good: lane_open refuses another server. */
bool verify_reconnect(verify *v, err *e) MUST_CHECK;
/* Between two batches, when all that was counted is behind v->place: keeps where it stands. */
bool verify_save(verify *v, bool now, err *e) MUST_CHECK;
/* NULL: it is there already. */
verify_db *verify_db_add(verify_result *r, int number);
bool verify_select(verify *v, int db, err *e) MUST_CHECK;
void verify_progress_note(verify *v, const verify_progress *p);
bool verify_pause(verify *v, int64_t ms, err *e) MUST_CHECK;
bool verify_digest(verify *v, span payload, fingerprint *ret, uint8_t *ret_kind, err *e) MUST_CHECK;

/* rights.c: tries every command that will be needed. */
bool rights_check(verify *v, err *e) MUST_CHECK;

/* pass.c: all keys of a database of the source; all keys of the target that the source lacks. */
typedef struct {
    uint64_t source_keys, target_keys;
    uint64_t expires; /* keys with an expiry, both sides together */
} db_facts;
bool pass_forward(verify *v, verify_db *db, const db_facts *facts, err *e) MUST_CHECK;
bool pass_reverse(verify *v, verify_db *db, const db_facts *facts, err *e) MUST_CHECK;

/* settle.c: reads the suspects again until they are settled or the rounds are over; empties the
 * list into the result. */
bool settle_run(verify *v, err *e) MUST_CHECK;

/* large.c: a value too large for one answer, in windows, in the selected database. */
typedef enum { LARGE_EQUAL, LARGE_DIFFERENT, LARGE_MOVING } large_verdict;
typedef struct {
    large_verdict verdict;
    char note[96]; /* where */
} large_result;
bool large_compare(verify *v, rdb_kind kind, span key_argument, large_result *ret, err *e)
    MUST_CHECK;
/* large_elements.c: hashes, sets, zsets: every element is looked up on the other side. */
bool large_elements(verify *v, rdb_kind kind, span key_argument, large_result *ret, err *e)
    MUST_CHECK;
/* large_stream.c */
bool large_stream(verify *v, span key_argument, large_result *ret, err *e) MUST_CHECK;

/* One question to both sides, asked again while the answers differ. */
typedef struct {
    const char *command; /* one word, or two with a blank in between; the key comes behind */
    span key;            /* as an argument, */
    size_t extra_args;   /* and so many more arguments right behind it in `key` */
    const char *const *args;
    size_t arg_count;
    bool (*read)(lane *l, void *context, fingerprint *ret, err *e);
    void *context; /* of read; NULL read: lane_fingerprint */
} window;
bool window_compare(verify *v, const window *w, large_verdict *ret, err *e) MUST_CHECK;
bool window_ask(lane *l, const window *w, err *e) MUST_CHECK;
/* Milliseconds to wait before the try; a negative number: no more tries. */
int64_t window_pause_ms(unsigned attempt);
/* So many items that a window has about WINDOW_ITEM_BYTES, as far as the last one tells. */
int64_t window_items_next(int64_t items, uint64_t bytes);

/* function.c */
bool functions_compare(verify *v, err *e) MUST_CHECK;

/* tally.c: counts differences and keeps the first few by name. */
struct tally *tally_new(void);
void tally_free(struct tally *t);
void tally_add(verify *v, const suspect *s, span key);
void tally_note(verify *v, verify_class class, int db, span key, const char *detail);

void tally_example(
    struct tally *t, verify_result *r, verify_class class, int db, span key, const char *detail);
/* Hashes of the keys that were counted: all of them from *at = 0 on; one more (false: known). */
bool tally_known(const struct tally *t, size_t *at, uint64_t *ret);
bool tally_know(struct tally *t, uint64_t hash);

/* "$3\r\nfoo\r\n": a key as an argument of a command. */
bool argument_append(buf *out, span bytes) MUST_CHECK;
