#include "sandbox/front.h"

#include "sandbox/keeper.h"
#include "sandbox/relay.h"

#define PORT_STEP 10000

bool front_is(const json_t *g)
{
    return flag_of(g, "fronted");
}

int64_t front_engine_port(const json_t *g)
{
    int64_t port = number_of(g, "port");
    if (!front_is(g)) return port;
    return port + PORT_STEP <= UINT16_MAX ? port + PORT_STEP : port - PORT_STEP;
}

void front_decide(sandbox *s, json_t *g)
{
    char *users = users_by_iam(s, g);
    (void)json_object_set_new(g, "fronted", json_boolean(users[1] != '\0'));
    free(users);
}

bool front_put(keeper *k, const json_t *g, const json_t *node, const char *addresses, err *e)
{
    const char *id = NULL;
    json_t *owner = NULL;
    CLEANUP(mem_free_at) char *users = users_by_iam(k->s, g);
    if (!group_node_find(k->s, text_of(node, "id"), &id, &owner))
        return err_set(e, ERR_STATE, "node '%s' is in no group", text_of(node, "id"));
    relay_node n = {.node = text_of(node, "id"),
                    .cache = id,
                    .addresses = addresses,
                    .users = users,
                    .port = (uint16_t)number_of(g, "port")};
    return relay_put(k->relay, &n, e);
}

/* One engine to the port that is its own now. */
static bool engine_move(keeper *k, const json_t *g, const json_t *node, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    const char *id = text_of(node, "id");
    const char *port = arena_printf(&memory, "%" PRId64, front_engine_port(g));
    if (!node_process_find(k, id)) return true;
    if (!front_is(g)) relay_drop(k->relay, id);
    return node_ask(k, id, &memory, &r, e, ENGINE_TEXTS("CONFIG", "SET", "tls-port", port)) &&
           node_ask(k, id, &memory, &r, e,
                    ENGINE_TEXTS("CONFIG", "SET", "bind", text_of(node, "host")));
}

bool front_apply(keeper *k, json_t *g, err *e)
{
    bool before = front_is(g);
    size_t at = 0;
    json_t *node = NULL;
    front_decide(k->s, g);
    if (!before && !front_is(g)) return true;
    k->s->dirty = true;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        if (before != front_is(g) && !engine_move(k, g, node, e)) return false;
    }
    return roles_apply(k, g, e); /* which tells the relay, or the engines, their addresses */
}
