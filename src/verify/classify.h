/* verify/classify.h: what a difference is. Pure: no connection, no clock, no memory.
 *
 * A sample is what one read of one key on one side said. Two samples are compared; a key that
 * differed is sampled again, source, target, source, and a vote over these tries decides.
 * Held expiries: protocol R16 and R20. */
#pragma once
#include "base/base.h"
#include "base/span.h"

/* Expiry times as the engines answer them. */
#define EXPIRY_NONE INT64_C(-1)
#define EXPIRY_NO_KEY INT64_C(-2)
/* A target's expiry from here on is held back: the real time is this much earlier. */
#define EXPIRY_HOLD_MS (INT64_C(1) << 45)

#define VERIFY_KEY_SHOWN_MAX ((size_t)1024)

typedef enum {
    VERIFY_EQUAL,
    VERIFY_MISSING,            /* on the source only */
    VERIFY_EXTRA,              /* on the target only */
    VERIFY_TYPE,               /* a list here, a hash there */
    VERIFY_VALUE,              /* same type, other contents */
    VERIFY_EXPIRY,             /* same value, other time to live */
    VERIFY_EXPIRED_NOT_REAPED, /* on one side only, and its time has passed */
    VERIFY_UNSETTLED,          /* kept changing on both sides */
    VERIFY_CLASSES
} verify_class;
const char *verify_class_name(verify_class c); /* "expired-not-reaped" */

/* Takes the hold off a target's expiry. */
int64_t expiry_release(int64_t target_ms, bool *ret_held);
/* Both real times (hold taken off). */
bool expiry_equal(int64_t source_ms, int64_t target_ms, int64_t tolerance_ms);

typedef struct {
    uint64_t half[2];
} fingerprint;
static inline bool fingerprint_equal(fingerprint a, fingerprint b)
{
    return a.half[0] == b.half[0] && a.half[1] == b.half[1];
}

typedef struct {
    bool there;
    uint8_t kind;     /* one number per type of value; only compared */
    bool held;        /* the expiry was held back */
    int64_t expiry;   /* real, or EXPIRY_NONE */
    int64_t now_ms;   /* the server's clock when it was read, about */
    uint64_t size;    /* of the answer; for people */
    fingerprint body; /* of the value */
} sample;

verify_class
sample_compare(const sample *source, const sample *target, int64_t tolerance_ms) MUST_CHECK;
/* Nothing happened between two reads of one side. */
bool sample_same(const sample *a, const sample *b);

/* The tries at one key: of a round, or of the long look at a key that keeps moving. */
#define VOTE_TRIES_MAX 6

typedef struct {
    sample *seen; /* room for the states that the source was seen in; a ring, owned by the caller */
    unsigned seen_room;
    unsigned seen_count; /* ever added */
    unsigned tries;
    unsigned equal;  /* source, target and source again were equal */
    unsigned missed; /* the source stood still and the target was different */
    unsigned passed; /* the target had a state that the moving source had before */
    unsigned still;  /* tries in which the source stood still */
    bool source_moved, target_moved;
    sample source, target; /* of the last try */
    verify_class class;    /* of the last try */
} vote;

typedef enum { VOTE_AGAIN, VOTE_EQUAL, VOTE_OPEN } verdict;

/* One try: source, target, source, in that order. */
void vote_add(
    vote *v, const sample *before, const sample *target, const sample *after, int64_t tolerance_ms);
/* What a round says. `patient`: the key is known to move, so a first miss does not end it. */
verdict vote_decide(const vote *v, bool patient);
/* What a long look at a moving key says: VERIFY_EQUAL, VERIFY_UNSETTLED or the difference. */
verify_class vote_close(const vote *v);
