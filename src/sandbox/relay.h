/* sandbox/relay.h: stands in front of the engines of caches with IAM users: ends TLS, checks the
 * tokens of their logins, puts the engine's own password in their place, and passes on all else
 * byte for byte (wire.h). Only such caches have one in front; others are reached directly.
 *
 * One thread serves all connections. The keeper's thread tells it which nodes there are; an engine
 * is reached over the Unix socket in its folder. */
#pragma once
#include "sandbox/state.h"

#define RELAY_ADDRESSES_MAX 3 /* a node's own, and those of its role */
#define RELAY_CONNECTIONS_MAX 4000

typedef struct relay relay;

/* What is common to all; copied. `life_ms`: so long after its last token a connection is closed. */
typedef struct {
    const char *access_key_id, *secret_key, *region, *engine_password;
    int64_t life_ms;
} relay_common;

bool relay_start(const relay_common *c, relay **ret, err *e) MUST_CHECK;
void relay_stop(relay *r); /* NULL is fine */

typedef struct {
    const char *node;      /* its folder below nodes/ */
    const char *cache;     /* id of the replication group */
    const char *addresses; /* "127.0.0.2 127.0.0.3" */
    const char *users;     /* those with authentication by IAM: " one two " */
    uint16_t port;
} relay_node;

/* A node's place as it is now; it may be there already. */
bool relay_put(relay *r, const relay_node *n, err *e) MUST_CHECK;
/* It serves no more, and its connections end. It is fine when there is none of it. */
void relay_drop(relay *r, const char *node);
/* Nothing is taken or answered any more, and nothing ends. The name is free for another. */
void relay_freeze(relay *r, const char *node);
