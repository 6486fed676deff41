/* sandbox/front.h: groups with IAM users: their engines step back to another port, and the relay
 * stands in their place. Only the keeper's thread calls these. */
#pragma once
#include "sandbox/node.h"

/* The port of its engines: the group's own, or, behind the relay, another. */
int64_t front_engine_port(const json_t *g);
/* Before the first engine of a group starts. */
void front_decide(sandbox *s, json_t *g);
/* A user was added, changed or taken away: the engines step back or forward. */
bool front_apply(keeper *k, json_t *g, err *e) MUST_CHECK;
/* The node's places in front of it, "127.0.0.2 127.0.0.3". */
bool front_put(keeper *k, const json_t *g, const json_t *node, const char *addresses, err *e)
    MUST_CHECK;
bool front_is(const json_t *g);
