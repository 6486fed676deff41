/* apply/target.h: the one ordered connection to a standalone target.
 *
 * Opening it first makes sure that no earlier connection of this link can still execute anything:
 * they are found by their name and killed, then the checkpoint is read (protocol.md R9: also what
 * a killed process had sent and nobody read may still execute). */
#pragma once
#include "apply/checkpoint.h"
#include "engine/engine.h"

typedef struct {
    engine *engine;
    net_conn *conn;
    unsigned db; /* selected on the connection */
} target_conn;

/* The checkpoint found; ret_found false: the target has none of this link. */
bool target_open(net_loop *l,
                 const engine_url *url,
                 const char *link_id,
                 target_conn *ret,
                 bool *ret_found,
                 checkpoint *ret_checkpoint,
                 err *e) MUST_CHECK;
void target_close(target_conn *t);
/* To be asked while answers are awaited. False (ERR_TIMEOUT): for too long nothing came and nothing
 * went; the other end may have forgotten the connection. What was sent is unknown then, as behind
 * any lost connection. */
bool target_is_heard(const target_conn *t, err *e) MUST_CHECK;
/* Appends SELECT when the connection is in another database; ret_sent: one answer more comes. */
bool target_select(target_conn *t, buf *out, unsigned db, bool *ret_sent) MUST_CHECK;
/* Appends the checkpoint's SET, with SELECT in front when needed. Answers: ret_sent. Unless it is
 * the first of a generation (or behind a flush) it only overwrites: the answer nil says that the
 * target has lost it, and with it its data. */
bool target_checkpoint(target_conn *t,
                       buf *out,
                       const char *key,
                       const checkpoint *c,
                       bool begin,
                       size_t *ret_sent) MUST_CHECK;
