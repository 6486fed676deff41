/* audit/live_internal.h: what the parts that read a running server share. */
#pragma once
#include "audit/audit_internal.h"
#include "engine/engine.h"

#define LIVE_CLIENTS_MAX ((size_t)20000) /* of one server, at once and over a watch */

/* Asks one server everything but its keys. What it refuses stands in `unread`; false: the
 * connection is gone. */
bool live_node_read(audit_facts *f, audit_node *n, engine *server, err *e) MUST_CHECK;

/* Follows clients and counters of all nodes for `o->watch_ms`, with a look every second; a node
 * whose server is NULL is left out, and one whose connection breaks becomes NULL. */
void live_watch(const audit_options *o, audit_facts *f, engine **servers);
