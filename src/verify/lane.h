/* verify/lane.h: one side of the comparison: a connection whose answers are read as tokens.
 *
 * Two lanes share one loop and one thread. Commands are appended to both, then answers are read;
 * whoever waits for one lane also serves the other, so both servers work at the same time. A token
 * borrows from its lane's buffer until that lane is waited for again. A bulk answer that does not
 * fit the buffer comes as a head (LANE_BIG) and is read, or dropped, in pieces. */
#pragma once
#include <signal.h>

#include "engine/engine.h"
#include "engine/info.h"
#include "verify/classify.h"

#define LANE_IN_MAX (8 * MIB)   /* answers received and not yet read */
#define LANE_OUT_MAX (16 * MIB) /* commands not yet sent */
#define LANE_BULK_MAX (4 * MIB) /* an answer up to this size always comes whole */
#define LANE_TIMEOUT_MS 30000   /* without a byte */

typedef struct lane {
    net_loop *loop;
    const engine_url *url;
    err_side side;
    engine *engine; /* NULL: not connected */
    net_conn *conn;
    struct lane *other;                /* served while this one waits; NULL: none */
    const volatile sig_atomic_t *stop; /* NULL: none */
    engine_version version;
    char run_id[48];
    int64_t clock_ahead_ms; /* the server's clock minus ours */
    bool has_pexpiretime;   /* since 7.0; else the time left */
    bool can_dump;
    int db; /* the one selected */
    uint64_t big_left;
    uint64_t received; /* bytes of answers */
} lane;

typedef struct {
    reply_token token;
    bool big; /* a bulk of token.count bytes follows in pieces; token.text is empty */
} lane_answer;

/* Connects; asks who the server is. After a connection was lost: the same once more, and
 * ERR_STATE when another server answers there. */
bool lane_open(lane *l, err *e) MUST_CHECK;
void lane_close(lane *l);
bool lane_select(lane *l, int db, err *e) MUST_CHECK;

static inline buf *lane_out(lane *l)
{
    return net_conn_out(l->conn);
}
/* Appends "<head><key>", the key in the form of an argument ("$3\r\nfoo\r\n"). */
bool lane_command(lane *l, const char *head, span key_argument, err *e) MUST_CHECK;
bool lane_send(lane *l, bool appended, err *e) MUST_CHECK; /* false: ERR_LIMIT unless appended */
bool lane_flush(lane *l, err *e) MUST_CHECK;               /* starts the sending; never waits */

/* The next token; after a big one its pieces must be read or dropped first. */
bool lane_read(lane *l, lane_answer *ret, err *e) MUST_CHECK;
/* One token of each lane; both stay valid until either lane is read again. */
bool lane_read_pair(lane *a, lane *b, lane_answer *ret_a, lane_answer *ret_b, err *e) MUST_CHECK;
/* A piece of a big bulk, at least one byte; empty at its end. */
bool lane_piece(lane *l, span *ret, err *e) MUST_CHECK;
bool lane_drop_big(lane *l, err *e) MUST_CHECK;
/* Reads and drops what is left of an answer that began with that token. */
bool lane_drop_rest(lane *l, const lane_answer *first, err *e) MUST_CHECK;

/* What to look at in an answer of rows (XRANGE, XPENDING); all outputs start as {0}. */
typedef struct {
    bool third_out; /* the third column does not count (the idle time of XPENDING) */
    size_t count;   /* rows */
    char first[64]; /* the first column of the last row */
} lane_rows;
/* One whole answer of any shape as a fingerprint. `rows` may be NULL. */
bool lane_fingerprint(lane *l, const char *command, lane_rows *rows, fingerprint *ret, err *e)
    MUST_CHECK;
/* What follows the head of a big bulk. */
bool lane_big_hash(lane *l, fingerprint *ret, err *e) MUST_CHECK;
/* A bulk answer of any size without its last `cut` bytes. */
bool lane_fingerprint_bulk(lane *l, const char *command, size_t cut, fingerprint *ret, err *e)
    MUST_CHECK;

/* The wanted kind, or an error that names the command and what the server said. */
bool lane_expect(lane *l, const lane_answer *a, reply_kind kind, const char *command, err *e);
/* ERR_AUTH with the right that is missing, or ERR_REFUSED. Answers false. */
bool lane_refused(const lane *l, span said, const char *command, err *e);
bool lane_read_integer(lane *l, const char *command, int64_t *ret, err *e) MUST_CHECK;

/* "source" or "target" */
const char *lane_name(const lane *l);
/* The server's clock. */
int64_t lane_now_ms(const lane *l);
/* What PEXPIRETIME (PTTL) answered as an absolute time, EXPIRY_NONE or EXPIRY_NO_KEY. */
int64_t lane_expiry(const lane *l, int64_t answered);
const char *lane_expiry_head(const lane *l); /* the command's head, for lane_command */
