#include "migrate/attach.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "migrate/buffer_limit.h"
#include "migrate/facts.h"
#include "repl/replica_ask.h"

#define REPLICA_TIMEOUT_MS 3000
/* Replicas that do not answer may not hold up the start for longer, however many there are. */
#define CHOOSE_MS 6000
/* A replica that has not relayed for so long what the source wrote is left. */
#define RELAY_LATE_MAX_NS (10 * NS_PER_S)

/* The snapshot's arithmetic (preflight's output-buffer) with what the replica has. What cannot be
 * read is not judged, as at the source. */
static bool buffer_holds(move *m, engine *s, const preflight_result *found, err *e)
{
    char text[SETTING_SIZE];
    char size[SETTING_SIZE];
    uint64_t backlog = 0;
    buffer_limit limit;
    err ignored;
    double need = buffer_need(found, false); /* over one connection at a replica */
    if (!setting_read(s, "client-output-buffer-limit", text, &ignored) ||
        !buffer_limit_parse(text, &limit) ||
        !setting_read(s, "repl-backlog-size", size, &ignored) ||
        !span_to_u64(span_text(size), &backlog))
        return true;
    buffer_limit_raise(&limit, backlog, &m->source_version);
    if (buffer_limit_judge(&limit, need, found->snapshot_s) == BUFFER_HOLDS) return true;
    return err_set(e, ERR_STATE,
                   "its replica buffer ('%s') does not hold what is written during a snapshot, %s",
                   text, bytes_show(need).text);
}

/* Asks the replica with what the source is asked with: user, password, TLS. */
static bool
replica_try(move *m, span source_info, const preflight_result *found, const engine_url *u, err *e)
{
    engine_options o = {.url = u,
                        .side = SIDE_SOURCE,
                        .name = "handover-control",
                        .timeout_ms = REPLICA_TIMEOUT_MS};
    engine *s = NULL;
    replica_need need = {.replid = ""};
    if (!engine_open(m->loop, &o, &s, e)) return false;
    bool fits = replica_ask(s, source_info, need, e) && buffer_holds(m, s, found, e);
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
static bool
choose(move *m, span source_info, const preflight_result *found, char *host, uint16_t port, err *e)
{
    engine_url u = url_with(&m->source_url, host, port);
    if (!replica_try(m, source_info, found, &u, e)) {
        (void)err_wrap(e, "replica '%s:%u'", host, port);
        engine_url_clear(&u);
        return false;
    }
    m->replica_url = u;
    return true;
}

static void choose_any(move *m, span source_info, const preflight_result *found)
{
    span host;
    uint16_t port = 0;
    err why = {0};
    int64_t until = deadline_in_ms(CHOOSE_MS);
    for (unsigned i = 0; replica_listed(source_info, i, &host, &port); i++) {
        if (host.size == 0) continue;
        if (why.kind && deadline_left_ms(until) == 0) break;
        if (!choose(m, source_info, found, mem_text(host), port, &why)) continue;
        (void)snprintf(m->attach_why, sizeof m->attach_why, "the first replica that is well");
        return;
    }
    (void)snprintf(m->attach_why, sizeof m->attach_why, "%.300s",
                   why.kind ? why.text : "the source has no replica that is online");
    if (why.kind) log_info("the link goes to the source: %s", why.text);
}

bool attach_choose(move *m, span source_info, const preflight_result *found, err *e)
{
    const char *wanted = m->options->replica;
    char *host = NULL;
    uint16_t port = 0;
    engine_url_clear(&m->replica_url);
    m->replica_url = (engine_url){0};
    m->attach_why[0] = '\0';
    if (!wanted || strcmp(wanted, "none") == 0) return true;
    if (strcmp(wanted, "auto") == 0) {
        choose_any(m, source_info, found);
        return true;
    }
    if (!engine_address_parse(span_text(wanted), &host, &port, e)) return false;
    if (choose(m, source_info, found, host, port ? port : ENGINE_PORT_DEFAULT, e)) {
        (void)snprintf(m->attach_why, sizeof m->attach_why, "named by --replica");
        return true;
    }
    (void)snprintf(m->attach_why, sizeof m->attach_why, "%.300s", e->text);
    return false;
}

/* When the source had written what has not come yet is remembered. */
static void relay_note(move *m, const link_status *s)
{
    bool same = s->receiver.at_replica && m->source_offset >= m->relay_offset;
    if (same && m->relay_ns && s->stream.end < m->relay_offset) return;
    m->relay_offset = m->source_offset;
    m->relay_ns = s->receiver.at_replica && s->stream.end < m->source_offset ? clock_ns() : 0;
}

/* Whether it is the replica that holds up, and not the way from there to here. */
static bool replica_is_late(const move *m, span source_info)
{
    uint64_t there = 0;
    if (!m->relay_ns || clock_ns() - m->relay_ns < RELAY_LATE_MAX_NS) return false;
    bool known = replica_offset(source_info, m->replica_url.host, m->replica_url.port, &there);
    return !known || there < m->relay_offset;
}

void attach_watch(move *m, const link_status *s, span source_info)
{
    uint64_t first = 0;
    relay_note(m, s);
    if (!s->receiver.at_replica) m->relay_missed = false;
    bool late = s->receiver.at_replica && (m->relay_missed || replica_is_late(m, source_info));
    /* Left before the source's backlog reaches back, it would cost a full sync there. */
    if (!late || !info_u64(source_info, "repl_backlog_first_byte_offset", &first) ||
        first > s->stream.end + 1)
        return;
    link_leave_replica(m->link, m->relay_missed ? "a cutover was missed because it relayed late"
                                                : "it relays what the source writes too late");
}

void attach_missed(move *m, uint64_t offset)
{
    link_status s = link_status_get(m->link);
    if (s.receiver.at_replica && s.stream.end < offset) m->relay_missed = true;
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
