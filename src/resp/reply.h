/* resp/reply.h: answers of a server, RESP2 and RESP3, read as tokens or as a tree.
 *
 * Tokens are for the data path (nothing is allocated); the tree is for everything else. Both are
 * resumable at every byte. Errors a server answers are values here, not failures of the reader.
 * Format: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#pragma once
#include "base/cursor.h"
#include "base/err.h"
#include "base/mem.h"

#define REPLY_DEPTH_MAX 16
#define REPLY_BULK_MAX ((size_t)1024 * 1024 * 1024)
#define REPLY_ITEMS_MAX ((size_t)64 * 1024 * 1024)
#define REPLY_LINE_MAX ((size_t)64 * 1024)

typedef enum {
    REPLY_STATUS,  /* text: "OK" */
    REPLY_ERROR,   /* text: "WRONGTYPE Operation ..." (also a RESP3 bulk error) */
    REPLY_INTEGER, /* integer (a RESP3 boolean is 0 or 1) */
    REPLY_BULK,    /* text: any bytes (also RESP3 verbatim, double and big number) */
    REPLY_NIL,
    REPLY_ARRAY, /* count items (also a RESP3 set or push; a map has 2 x pairs items) */
} reply_kind;

typedef struct {
    reply_kind kind;
    span text;       /* borrowed from the input */
    int64_t integer; /* of REPLY_INTEGER */
    size_t count;    /* of REPLY_ARRAY: how many values follow it */
} reply_token;

/* Reads one token; the items of an array are tokens of their own. */
step reply_token_read(cursor *in, reply_token *ret, err *e) MUST_CHECK;

/* Skips whole answers: tells when the answer that began is complete. Start with {0}. */
typedef struct {
    size_t left[REPLY_DEPTH_MAX]; /* items still to come, per level */
    size_t depth;
} reply_nesting;
/* Takes note of a token; ret_complete: it ended the outermost answer. */
step reply_nesting_step(reply_nesting *n, const reply_token *t, bool *ret_complete, err *e)
    MUST_CHECK;

typedef struct reply reply;
struct reply {
    reply_kind kind;
    span text; /* copied into the arena, with a NUL behind it */
    int64_t integer;
    size_t count;
    reply *items;
};

/* The tree reader; start with {0}. It copies what it keeps, so the input may go. */
typedef struct {
    reply_nesting nesting;
    reply *open[REPLY_DEPTH_MAX]; /* the arrays being filled */
    size_t filled[REPLY_DEPTH_MAX];
    reply *root;
} reply_reader;
/* Eats what it understood from `in` also when it answers STEP_MORE. After STEP_DONE it is ready
 * for the next answer. Everything lives in the arena. */
step reply_read(reply_reader *r, cursor *in, arena *memory, const reply **ret, err *e) MUST_CHECK;

static inline bool reply_is_error(const reply *r)
{
    assert(r);
    return r->kind == REPLY_ERROR;
}
/* The text of an answer for a message: printable ASCII, anything else as '?', cut at
 * REPLY_SHOWN_MAX. A server that does not know a command repeats its arguments: they are left out,
 * for AUTH has a password among them. */
#define REPLY_SHOWN_MAX ((size_t)200)
typedef struct {
    char text[REPLY_SHOWN_MAX + 1];
} reply_shown;
reply_shown reply_show(span text);
/* The value behind a name in a flat name, value, name, value array; NULL when it is not there. */
const reply *reply_field(const reply *r, const char *name);
