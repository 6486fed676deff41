#include "migrate/attach.h"

#include "base/mem.h"
#include "engine/info.h"
#include "repl/replica.h"

#define REPLICAS_TRIED_MAX 16
#define REPLICA_TIMEOUT_MS 3000

/* Asks the replica with what the source is asked with: user, password, TLS. */
static bool replica_try(move *m, span source_info, const engine_url *u, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    engine_options o = {.url = u,
                        .side = SIDE_SOURCE,
                        .name = "handover-control",
                        .timeout_ms = REPLICA_TIMEOUT_MS};
    engine *s = NULL;
    span info;
    replica_need need = {.replid = ""};
    if (!engine_open(m->loop, &o, &s, e)) return false;
    bool fits =
        engine_info(s, &memory, "all", &info, e) && replica_fits(source_info, info, &need, e);
    engine_free(s);
    return fits;
}

static engine_url url_with(const engine_url *source, char *host, uint16_t port)
{
    engine_url u = engine_url_copy(source);
    free(u.host);
    u.host = host;
    u.port = port;
    return u;
}

/* Takes over the host. */
static bool choose(move *m, span source_info, char *host, uint16_t port, err *e)
{
    engine_url u = url_with(&m->source_url, host, port);
    if (!replica_try(m, source_info, &u, e)) {
        (void)err_wrap(e, "replica '%s:%u'", host, port);
        engine_url_clear(&u);
        return false;
    }
    m->replica_url = u;
    return true;
}

static void choose_any(move *m, span source_info)
{
    span host;
    uint16_t port = 0;
    err why = {0};
    for (unsigned i = 0; i < REPLICAS_TRIED_MAX && replica_listed(source_info, i, &host, &port);
         i++) {
        if (host.size == 0) continue;
        if (!choose(m, source_info, mem_text(host), port, &why)) continue;
        (void)snprintf(m->attach_why, sizeof m->attach_why, "the first replica that is well");
        return;
    }
    (void)snprintf(m->attach_why, sizeof m->attach_why, "%.300s",
                   why.kind ? why.text : "the source has no replica that is online");
}

bool attach_choose(move *m, span source_info, err *e)
{
    const char *wanted = m->options->replica;
    char *host = NULL;
    uint16_t port = 0;
    engine_url_clear(&m->replica_url);
    m->replica_url = (engine_url){0};
    m->attach_why[0] = '\0';
    if (!wanted || strcmp(wanted, "none") == 0) return true;
    if (strcmp(wanted, "auto") == 0) {
        choose_any(m, source_info);
        return true;
    }
    if (!engine_address_parse(span_text(wanted), &host, &port, e)) return false;
    if (choose(m, source_info, host, port ? port : ENGINE_PORT_DEFAULT, e)) {
        (void)snprintf(m->attach_why, sizeof m->attach_why, "named by --replica");
        return true;
    }
    (void)snprintf(m->attach_why, sizeof m->attach_why, "%.300s", e->text);
    return false;
}

attach_text attach_show(const move *m, const link_status *s)
{
    attach_text out = {.replica = s->receiver.at_replica};
    const engine_url *u = out.replica ? &m->replica_url : &m->source_url;
    char *place = u->host ? engine_url_place(u) : mem_text(span_text(m->source_text));
    (void)snprintf(out.node, sizeof out.node, "%s", place);
    free(place);
    (void)snprintf(out.why, sizeof out.why, "%s",
                   s->receiver.left.kind ? s->receiver.left.text : m->attach_why);
    return out;
}
