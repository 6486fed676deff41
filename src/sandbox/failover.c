/* A failover, for real: the old primary is cut off in the style asked for, the replica with the
 * most data is promoted, what had not reached it is lost, the old one comes back empty as a
 * replica. The five events and their order: auth-and-network section 7. */
#include "engine/info.h"
#include "sandbox/front.h"
#include "sandbox/keeper.h"

#include "base/log.h"

step failover_called(keeper *k, const char *id, json_t *g, err *e)
{
    (void)g;
    (void)e;
    state_event(k->s, "replication-group", id, "Test Failover API called for node group %s",
                GROUP_NODE);
    return STEP_DONE;
}

/* The old primary stops serving: killed (connections are reset), frozen (they fall silent), or
 * nothing yet: it will be a replica that answers READONLY. */
step failover_cut(keeper *k, const char *id, json_t *g, err *e)
{
    (void)id;
    json_t *old = group_primary(g);
    const char *node = text_of(old, "id");
    (void)json_object_set_new(g, "old_primary", json_string(node));
    if (!node_process_find(k, node)) return STEP_DONE; /* it ended by itself */
    switch (k->s->style) {
    case FAILOVER_RESET:
        node_kill(k, node);
        break;
    case FAILOVER_SILENT:
        /* Its listening address goes first: a frozen process would hold it. */
        if (!node_addresses_apply(k, g, old, false, e)) return STEP_BAD;
        node_freeze(k, node);
        break;
    case FAILOVER_READONLY:
    case FAILOVER_DNS: /* nothing ends: at the promotion it is left as it is */
        break;
    }
    return STEP_DONE;
}

/* How far a replica is; -1: it does not answer. */
static int64_t offset_of(keeper *k, const char *node)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err e = {0};
    uint64_t value = 0;
    bool told = node_process_find(k, node) &&
                node_ask(k, node, &memory, &r, &e, ENGINE_TEXTS("INFO", "replication")) &&
                info_u64(r->text, "slave_repl_offset", &value);
    return told ? (int64_t)value : -1;
}

static json_t *best_replica(keeper *k, json_t *g)
{
    json_t *best = NULL;
    int64_t best_offset = -1;
    size_t at = 0;
    json_t *node = NULL;
    json_t *named = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        if (flag_of(node, "is_primary")) continue;
        int64_t offset = offset_of(k, text_of(node, "id"));
        if (strcmp(text_of(g, "promote"), text_of(node, "id")) == 0 && offset >= 0) named = node;
        if (offset > best_offset) best = node;
        if (offset > best_offset) best_offset = offset;
    }
    return named ? named : best;
}

static bool is_asked(keeper *k, const json_t *node)
{
    const node_process *p = node_process_find(k, text_of(node, "id"));
    return p && !p->is_frozen && !p->is_left;
}

/* Nothing is told to the old primary but to give up the group's address: it goes on serving those
 * who are connected to it, as one that only the name has left. */
static bool leave(keeper *k, json_t *g, json_t *old, err *e)
{
    node_process *p = node_process_find(k, text_of(old, "id"));
    if (!p || k->s->style != FAILOVER_DNS) return true;
    if (!node_addresses_apply(k, g, old, false, e)) return false;
    p->is_left = true;
    return true;
}

/* Every running node's own addresses, without or with those of its role. */
static bool addresses_apply(keeper *k, json_t *g, bool with_role, err *e)
{
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        if (is_asked(k, node) && !node_addresses_apply(k, g, node, with_role, e)) return false;
    }
    return true;
}

bool roles_apply(keeper *k, json_t *g, err *e)
{
    size_t at = 0;
    json_t *node = NULL;
    json_t *primary = group_primary(g);
    if (!addresses_apply(k, g, false, e)) return false; /* nobody holds what another gets */
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        CLEANUP(arena_clear) arena memory = {0};
        const reply *r = NULL;
        const char *port = arena_printf(&memory, "%" PRId64, front_engine_port(g));
        bool is_it = node == primary;
        if (is_asked(k, node) &&
            !node_ask(k, text_of(node, "id"), &memory, &r, e,
                      ENGINE_TEXTS("REPLICAOF", is_it ? "NO" : text_of(primary, "host"),
                                   is_it ? "ONE" : port)))
            return false;
    }
    return addresses_apply(k, g, true, e);
}

step failover_promote(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *old = group_primary(g);
    json_t *next = best_replica(k, g);
    if (!next) return STEP_MORE; /* no replica answers: the shard waits, as it does there */
    (void)json_object_set_new(old, "is_primary", json_false());
    (void)json_object_set_new(next, "is_primary", json_true());
    (void)json_object_del(g, "promote");
    k->s->dirty = true;
    if (!leave(k, g, old, e) || !roles_apply(k, g, e)) {
        log_warn("sandbox: %s: %s", id, e->text);
        (void)json_object_set_new(old, "is_primary", json_true());
        (void)json_object_set_new(next, "is_primary", json_false());
        return STEP_MORE;
    }
    const char *from = text_of(old, "id");
    const char *to = text_of(next, "id");
    state_event(k->s, "cache-cluster", to,
                "Failover from primary node %s to replica node %s completed", from, to);
    state_event(k->s, "replication-group", id,
                "Failover from primary node %s to replica node %s completed", from, to);
    return STEP_DONE;
}

/* Names follow later than addresses. */
step failover_names(keeper *k, const char *id, json_t *g, err *e)
{
    (void)id;
    (void)e;
    text_set(g, "named_primary", text_of(group_primary(g), "id"));
    k->s->dirty = true;
    return STEP_DONE;
}

step failover_recover(keeper *k, const char *id, json_t *g, err *e)
{
    const char *group = NULL;
    json_t *owner = NULL;
    const char *old_id = text_of(g, "old_primary");
    json_t *old = group_node_find(k->s, old_id, &group, &owner);
    if (!old || owner != g) return STEP_DONE;
    state_event(k->s, "cache-cluster", old_id, "Recovering cache nodes %s", GROUP_NODE);
    node_process *p = node_process_find(k, old_id);
    if (p && !p->is_frozen && !p->is_left) return STEP_DONE; /* it stayed, as a replica */
    if (p) { /* it stays as it is, frozen or left: the new machine has another address */
        char host[32];
        p->id[0] = '\0';
        state_address(k->s, host);
        text_set(old, "host", host);
    }
    node_forget(k, old_id); /* a new machine: it has nothing */
    return node_start(k, id, g, old, e) ? STEP_DONE : STEP_BAD;
}

step failover_end(keeper *k, const char *id, json_t *g, err *e)
{
    const char *group = NULL;
    json_t *owner = NULL;
    const char *old_id = text_of(g, "old_primary");
    json_t *old = group_node_find(k->s, old_id, &group, &owner);
    (void)id;
    if (old && (!node_is_ready(k, old) || !roles_apply(k, g, e))) return STEP_MORE;
    if (old) {
        state_event(k->s, "cache-cluster", old_id, "Finished recovery for cache nodes %s",
                    GROUP_NODE);
    }
    (void)json_object_del(g, "old_primary");
    return STEP_DONE;
}
