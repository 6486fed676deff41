/* verify/suspects.h: the keys that were not equal when they were read, in the order they came.
 *
 * A list that is only appended to and read from its begin. The first SUSPECTS_MEMORY_MAX bytes
 * live in memory; all beyond goes through that memory into a file without a name (so nothing is
 * left behind when the tool dies) in TMPDIR or /tmp. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "verify/classify.h"

#define SUSPECTS_MEMORY_MAX (2 * MIB)
#define SUSPECTS_SIZE_MAX (256 * MIB) /* after that the list is full: settle it, clear it */

typedef struct {
    int db;
    bool large;         /* too large for one answer: compared element by element */
    bool moved;         /* seen to change, on either side, since the first round */
    uint8_t rounds;     /* that read it */
    uint8_t both_moved; /* rounds in which both sides changed */
    uint8_t passed;     /* times the target had a state that the moving source had had */
    verify_class class; /* of the last read */
    sample source, target;
    char note[96]; /* where the values differ, when that is known */
} suspect;

typedef struct suspects suspects;

suspects *suspects_new(const char *directory); /* NULL: TMPDIR or /tmp */
void suspects_free(suspects *s);
bool suspects_add(suspects *s, const suspect *what, span key, err *e) MUST_CHECK;
uint64_t suspects_count(const suspects *s);
bool suspects_full(const suspects *s);
bool suspects_spilled(const suspects *s);
void suspects_clear(suspects *s);

/* Reading: from the begin, then one after the other; the list may not be appended to meanwhile.
 * ret_key is valid until the next call. False with e->kind == ERR_NONE: the end. */
bool suspects_rewind(suspects *s, err *e) MUST_CHECK;
bool suspects_next(suspects *s, suspect *ret, span *ret_key, err *e) MUST_CHECK;
