/* From a running server, and in a cluster from each of its members: first everything but the keys
 * (live_node.c), then a sample of the keys (sample.c), then the watch (watch.c). */
#include "audit/live_internal.h"
#include "audit/sample.h"
#include "audit/settings.h"
#include "base/clock.h"

#define CALL_TIMEOUT_MS 10000
#define NODES_MAX ((size_t)500)

typedef struct {
    const audit_options *o;
    audit_facts *f;
    net_loop *loop;
    engine *servers[NODES_MAX]; /* by node; NULL: gone, or never there */
} live_audit;

static bool server_open(live_audit *x, const engine_url *url, engine **ret, err *e)
{
    engine_options options = {
        .url = url, .side = SIDE_SOURCE, .name = "handover-audit", .timeout_ms = CALL_TIMEOUT_MS};
    return engine_open(x->loop, &options, ret, e);
}

/* --- a cluster's other members --------------------------------------------------------------- */

/* "id host:port@bus,name flags …": the address, and whether it is worth asking. */
static bool member_read(span line, engine_url *ret)
{
    span id = {0};
    span address = {0};
    span flags = {0};
    uint64_t port = 0;
    if (!span_cut(&line, ' ', &id) || !span_cut(&line, ' ', &address)) return false;
    if (!span_cut(&line, ' ', &flags)) return false;
    static const char *const never[] = {"myself", "noaddr", "handshake"};
    for (size_t i = 0; i < COUNT_OF(never); i++) {
        size_t at = 0;
        if (span_find(flags, span_text(never[i]), &at)) return false;
    }
    size_t size = 0;
    while (size < address.size && address.at[size] != '@' && address.at[size] != ',')
        size++;
    size_t colon = size;
    while (colon > 0 && address.at[colon - 1] != ':')
        colon--;
    if (colon < 2 || !span_to_u64(span_of(address.at + colon, size - colon), &port)) return false;
    if (port == 0 || port > UINT16_MAX) return false;
    free(ret->host);
    ret->host = mem_text(span_of(address.at, colon - 1));
    ret->port = (uint16_t)port;
    return true;
}

static void member_take(live_audit *x, const engine_url *url)
{
    err e = {0};
    audit_facts *f = x->f;
    audit_node *n = &f->nodes[f->node_count];
    engine **server = &x->servers[f->node_count++];
    n->address = arena_printf(&f->memory, "%s:%u", url->host, url->port);
    n->is_cluster = true;
    if (server_open(x, url, server, &e) && live_node_read(f, n, *server, &e)) return;
    engine_free(*server);
    *server = NULL;
    unread_add(f, n, n->address, e.text, "anything about this member of the cluster");
}

/* The first node has answered; the others follow with the same user and password. */
static bool members_read(live_audit *x, err *e)
{
    const reply *a = NULL;
    arena scratch = {0};
    span line = {0};
    bool done = engine_try(x->servers[0], &scratch, &a, e, "CLUSTER", "NODES");
    if (done && reply_is_error(a)) {
        unread_add(x->f, &x->f->nodes[0], "CLUSTER NODES", reply_show(a->text).text,
                   "anything about the other members of the cluster");
    } else if (done) {
        engine_url url = engine_url_copy(x->o->source);
        span rest = a->text;
        while (span_cut(&rest, '\n', &line) && x->f->node_count < NODES_MAX)
            if (member_read(line, &url)) member_take(x, &url);
        engine_url_clear(&url);
    }
    arena_clear(&scratch);
    return done;
}

/* --- the keys -------------------------------------------------------------------------------- */

/* A replica in a cluster holds what its primary does: it is not asked again. Nor is the server
 * whose RDB file is given. */
static bool is_sampled(const live_audit *x, size_t i)
{
    const audit_node *n = &x->f->nodes[i];
    if (i == 0 && x->o->dump_path) return false;
    return x->servers[i] && !(n->is_cluster && n->is_replica);
}

static void samples_take(live_audit *x)
{
    size_t count = 0;
    for (size_t i = 0; i < x->f->node_count; i++)
        count += is_sampled(x, i);
    if (count == 0 || x->o->sample_keys_max == 0) return;
    sample_limits limits = {.keys_max = x->o->sample_keys_max / count + 1,
                            .ms_max = x->o->sample_ms_max / (int64_t)count + 1,
                            .stop = x->o->stop};
    for (size_t i = 0; i < x->f->node_count; i++) {
        err e = {0};
        audit_node *n = &x->f->nodes[i];
        if (!is_sampled(x, i) || sample_take(x->servers[i], &limits, x->f, n, &e)) continue;
        unread_add(x->f, n, "SCAN", e.text, "more about the keys than was seen by then");
        engine_free(x->servers[i]);
        x->servers[i] = NULL;
    }
}

bool audit_collect_live(const audit_options *o, audit_facts *f, err *e)
{
    live_audit *x = mem_alloc(sizeof *x);
    *x = (live_audit){.o = o, .f = f, .loop = net_loop_new()};
    f->nodes = arena_alloc(&f->memory, NODES_MAX * sizeof *f->nodes);
    f->node_count = 1;
    f->is_live = true;
    f->read_at_ms = clock_wall_ms();
    f->nodes[0].address = o->source->port
                              ? arena_printf(&f->memory, "%s:%u", o->source->host, o->source->port)
                              : arena_text(&f->memory, span_text(o->source->host));
    bool done = server_open(x, o->source, &x->servers[0], e) &&
                live_node_read(f, &f->nodes[0], x->servers[0], e);
    if (done && f->nodes[0].is_cluster) done = members_read(x, e);
    if (done) samples_take(x);
    if (done && o->watch_ms > 0) live_watch(o, f, x->servers);
    for (size_t i = 0; i < f->node_count; i++)
        engine_free(x->servers[i]);
    net_loop_free(x->loop);
    free(x);
    return done;
}
