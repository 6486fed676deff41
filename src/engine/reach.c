#include "engine/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/info.h"
#include "engine/reach_internal.h"
#include "engine/secured.h"

#define NAMES_SIZE_MAX ((size_t)90)
#define PROBE_KEY "handover:network-probe" /* asked for, never written */

typedef struct {
    net_loop *loop;
    const engine_url *url;
    engine_options options;
    engine *engine;
    reach_result *r;
} probe;

const char *reach_step_name(reach_step s)
{
    static const char *const names[REACH_STEP_COUNT] = {
        [REACH_NAME] = "name", [REACH_ADDRESS] = "address", [REACH_TCP] = "TCP",
        [REACH_TLS] = "TLS",   [REACH_AUTH] = "AUTH",       [REACH_PING] = "PING",
        [REACH_USE] = "use"};
    return names[s];
}

static void step_note(probe *p, reach_step s, reach_state state, int64_t took_ns, const char *said)
{
    p->r->steps[s].state = state;
    p->r->steps[s].took_ns = took_ns;
    (void)snprintf(p->r->steps[s].said, sizeof p->r->steps[s].said, "%s", said);
}

/* The step is that of the cause. Answers false. */
static bool fail(probe *p, cause_id id, const char *said)
{
    const reach_cause *cause = reach_cause_of(id);
    p->r->cause = cause;
    step_note(p, cause->step, REACH_BAD, 0, said);
    return false;
}

/* --- the way there --------------------------------------------------------------------------- */

/* RFC 1918; what stands before the first comma of a list of addresses. */
static bool address_first(const char *addresses, struct in_addr *ret)
{
    char first[INET6_ADDRSTRLEN] = "";
    size_t size = strcspn(addresses, ",");
    if (size >= sizeof first) return false;
    memcpy(first, addresses, size);
    return inet_pton(AF_INET, first, ret) == 1;
}

static bool is_private(struct in_addr a)
{
    uint32_t n = ntohl(a.s_addr);
    return n >> 24 == 10 || n >> 20 == (172U << 4 | 1) || n >> 16 == (192U << 8 | 168);
}

/* The address we would send from: a datagram socket is connected without sending anything. */
static void from_note(probe *p, struct in_addr to, struct in_addr *ret)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr = to, .sin_port = htons(9)};
    struct sockaddr_in here = {0};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)&there, sizeof there) == 0 &&
        getsockname(fd, (struct sockaddr *)&here, &size) == 0) {
        *ret = here.sin_addr;
        (void)inet_ntop(AF_INET, &here.sin_addr, p->r->from, sizeof p->r->from); /* large enough */
    }
    (void)close(fd); /* nothing was written to it */
}

/* Until the next stage that was entered, or now. */
static int64_t stage_took(const net_trace *t, net_stage s)
{
    int64_t end = clock_ns();
    for (int i = NET_STAGE_OPEN; i > (int)s; i--)
        if (t->entered_ns[i]) end = t->entered_ns[i];
    return t->entered_ns[s] ? end - t->entered_ns[s] : 0;
}

static cause_id socket_cause(int problem)
{
    switch (problem) {
    case ENOENT:
    case ENOTDIR:
        return CAUSE_SOCKET_MISSING;
    case EACCES:
    case EPERM:
        return CAUSE_SOCKET_DENIED;
    case ECONNREFUSED:
    case EPROTOTYPE:
        return CAUSE_SOCKET_DEAD;
    default:
        return CAUSE_TCP_FAILED;
    }
}

/* A socket of this machine has no name, no address and no TLS. */
static bool socket_note(probe *p, bool open)
{
    const net_trace *t = &p->r->trace;
    static const char why[] = "a socket of this machine";
    step_note(p, REACH_NAME, REACH_LEFT_OUT, 0, why);
    step_note(p, REACH_ADDRESS, REACH_LEFT_OUT, 0, why);
    if (!open) return fail(p, socket_cause(t->connect_problem), p->r->trouble.text);
    step_note(p, REACH_TCP, REACH_GOOD, stage_took(t, NET_STAGE_CONNECT), "connected, without TCP");
    step_note(p, REACH_TLS, REACH_LEFT_OUT, 0, why);
    return true;
}

static cause_id connect_cause(int problem, bool is_v4, struct in_addr to, struct in_addr from)
{
    bool inside = is_v4 && is_private(to);
    bool near = inside && is_private(from) && ntohl(to.s_addr) >> 16 == ntohl(from.s_addr) >> 16;
    switch (problem) {
    case ENETUNREACH:
    case EHOSTUNREACH:
        return inside ? CAUSE_NO_ROUTE_PRIVATE : CAUSE_NO_ROUTE;
    case ETIMEDOUT:
        return near ? CAUSE_TCP_SILENT_NEAR : inside ? CAUSE_TCP_SILENT_FAR : CAUSE_TCP_SILENT;
    case ECONNREFUSED:
        return CAUSE_TCP_REFUSED;
    default:
        return CAUSE_TCP_FAILED;
    }
}

static cause_id tls_cause(net_tls_problem problem)
{
    static const cause_id causes[] = {[NET_TLS_FINE] = CAUSE_TLS_FAILED,
                                      [NET_TLS_UNKNOWN_CA] = CAUSE_TLS_UNTRUSTED,
                                      [NET_TLS_EXPIRED] = CAUSE_TLS_EXPIRED,
                                      [NET_TLS_NOT_YET] = CAUSE_TLS_EXPIRED,
                                      [NET_TLS_NAME] = CAUSE_TLS_NAME,
                                      [NET_TLS_CERTIFICATE] = CAUSE_TLS_UNTRUSTED,
                                      [NET_TLS_OLD] = CAUSE_TLS_OLD,
                                      [NET_TLS_NO_CIPHER] = CAUSE_TLS_OLD,
                                      [NET_TLS_PLAIN] = CAUSE_TLS_NONE,
                                      [NET_TLS_OURS_WANTED] = CAUSE_TLS_CLIENT,
                                      [NET_TLS_OURS_REFUSED] = CAUSE_TLS_CLIENT,
                                      [NET_TLS_BROKEN] = CAUSE_TLS_FAILED,
                                      [NET_TLS_SILENT] = CAUSE_TLS_FAILED,
                                      [NET_TLS_OTHER] = CAUSE_TLS_FAILED};
    return causes[problem];
}

/* The size of as many names of a certificate as a row of the table has room for. */
static size_t names_whole(const char *names)
{
    size_t size = strlen(names);
    if (size <= NAMES_SIZE_MAX) return size;
    for (size = NAMES_SIZE_MAX; size > 0 && names[size] != ','; size--) {
    }
    return size > 0 ? size : NAMES_SIZE_MAX;
}

/* What the steps up to TLS say once the opening is over; false: one of them failed. */
static bool way_note(probe *p, bool open)
{
    const net_trace *t = &p->r->trace;
    const err *e = &p->r->trouble;
    char said[280];
    if (engine_url_is_socket(p->url)) return socket_note(p, open);
    struct in_addr to = {0};
    struct in_addr from = {0};
    bool is_v4 = address_first(t->addresses, &to);
    if (t->stage == NET_STAGE_NAME && !open)
        return fail(p, e->kind == ERR_TIMEOUT ? CAUSE_NAME_SILENT : CAUSE_NAME_UNKNOWN, e->text);
    step_note(p, REACH_NAME, REACH_GOOD, stage_took(t, NET_STAGE_NAME), t->addresses);
    if (is_v4) from_note(p, to, &from);
    if (t->stage == NET_STAGE_CONNECT && !open) {
        cause_id id = connect_cause(t->connect_problem, is_v4, to, from);
        if (reach_cause_of(id)->step == REACH_TCP)
            step_note(p, REACH_ADDRESS, REACH_GOOD, 0, p->r->from);
        return fail(p, id, e->text);
    }
    (void)snprintf(said, sizeof said, "%s%s", p->r->from[0] ? "sent from " : "there is a way",
                   p->r->from);
    step_note(p, REACH_ADDRESS, REACH_GOOD, 0, said);
    step_note(p, REACH_TCP, REACH_GOOD, stage_took(t, NET_STAGE_CONNECT), "connected");
    if (!open) return fail(p, tls_cause(t->tls.problem), e->text);
    if (!p->url->tls) {
        step_note(p, REACH_TLS, REACH_LEFT_OUT, 0, "the URL is without TLS");
        return true;
    }
    size_t whole = names_whole(t->tls.names);
    (void)snprintf(said, sizeof said, "%s, certificate of '%.60s' for %.*s%s, until %s",
                   t->tls.version, t->tls.subject, (int)whole, t->tls.names,
                   t->tls.names[whole] ? ", ..." : "", t->tls.expires);
    step_note(p, REACH_TLS, REACH_GOOD, stage_took(t, NET_STAGE_TLS), said);
    return true;
}

/* --- commands -------------------------------------------------------------------------------- */

/* What the beginning of an error answer means; the first row that fits. */
static const struct {
    const char *begins;
    cause_id cause;
} answers[] = {
    {"NOAUTH", CAUSE_AUTH_MISSING},
    {"WRONGPASS", CAUSE_AUTH_WRONG},
    {"ERR invalid password", CAUSE_AUTH_WRONG},
    {"ERR AUTH <password> called without", CAUSE_AUTH_NONE},
    {"ERR Client sent AUTH, but no password", CAUSE_AUTH_NONE},
    {"NOPERM", CAUSE_NOPERM},
    {"ERR max number of clients", CAUSE_MAXCLIENTS},
    {"LOADING", CAUSE_LOADING},
    {"MOVED", CAUSE_CLUSTER},
    {"ASK", CAUSE_CLUSTER},
    {"CLUSTERDOWN", CAUSE_CLUSTER},
};

/* Does a server that ends or ignores plain connections shake hands? Whose certificate it shows does
 * not matter here. */
static bool speaks_tls(probe *p)
{
    net_trace trace = {0};
    if (engine_url_is_socket(p->url)) return false;
    net_tls tls = {.name = p->url->host};
    net_target target = {.host = p->url->host,
                         .port = p->url->port,
                         .in_max = 64 * KIB,
                         .out_max = 64 * KIB,
                         .tls = &tls,
                         .trace = &trace};
    net_conn *c = NULL;
    err ignored;
    bool open =
        net_conn_open(p->loop, &target, deadline_in_ms(p->options.timeout_ms), &c, &ignored);
    net_conn_free(c);
    net_tls_problem problem = trace.tls.problem;
    return open ||
           (trace.stage == NET_STAGE_TLS && problem != NET_TLS_FINE && problem != NET_TLS_PLAIN &&
            problem != NET_TLS_BROKEN && problem != NET_TLS_SILENT && problem != NET_TLS_OTHER);
}

/* No answer came: the connection ended, or the time did. */
static bool fail_unanswered(probe *p)
{
    const err *e = &p->r->trouble;
    const net_tls_facts *tls = net_conn_tls(engine_conn(p->engine));
    if (tls && tls->problem != NET_TLS_FINE) return fail(p, tls_cause(tls->problem), e->text);
    if (!p->url->tls && speaks_tls(p)) return fail(p, CAUSE_TLS_WANTED, e->text);
    return fail(p, e->kind == ERR_TIMEOUT ? CAUSE_PING_SILENT : CAUSE_PING_CLOSED, e->text);
}

/* An error answer fails with what it means, `otherwise` when no row knows it. */
static bool fail_answered(probe *p, const reply *r, cause_id otherwise)
{
    reply_shown text = reply_show(r->text);
    cause_id id = otherwise;
    for (size_t i = 0; i < COUNT_OF(answers) && id == otherwise; i++)
        if (span_starts(r->text, answers[i].begins)) id = answers[i].cause;
    if (id == CAUSE_AUTH_WRONG && p->url->login) id = CAUSE_AUTH_MADE;
    CLEANUP(mem_free_at) char *place = engine_url_place(p->url);
    (void)err_set(&p->r->trouble, ERR_REFUSED, "'%s' answered: %s", place, text.text);
    return fail(p, id, text.text);
}

static bool step_auth(probe *p, arena *memory)
{
    const engine_url *u = p->url;
    const reply *r = NULL;
    int64_t began = clock_ns();
    bool done = engine_authenticate(p->engine, u, memory, &r, &p->r->trouble);
    if (!done && p->r->trouble.kind == ERR_AWS)
        return fail(p, CAUSE_AUTH_NOT_MADE, p->r->trouble.text);
    if (!done) return fail_unanswered(p);
    if (!r) {
        step_note(p, REACH_AUTH, REACH_LEFT_OUT, 0, "no password was given");
        return true;
    }
    if (reply_is_error(r)) return fail_answered(p, r, CAUSE_AUTH_WRONG);
    step_note(p, REACH_AUTH, REACH_GOOD, clock_ns() - began, u->user ? u->user : "default");
    return true;
}

static bool step_ping(probe *p, arena *memory)
{
    const reply *r = NULL;
    int64_t began = clock_ns();
    if (!engine_try(p->engine, memory, &r, &p->r->trouble, "PING")) return fail_unanswered(p);
    if (reply_is_error(r)) return fail_answered(p, r, CAUSE_PING_REFUSED);
    step_note(p, REACH_PING, REACH_GOOD, clock_ns() - began, span_show(r->text).text);
    return true;
}

/* A key may be in a slot of this very node: so INFO is asked too. A user that may do neither is
 * none of our business here. */
static bool step_use(probe *p, arena *memory)
{
    const reply *r = NULL;
    uint64_t enabled = 0;
    int64_t began = clock_ns();
    if (!engine_try(p->engine, memory, &r, &p->r->trouble, "EXISTS", PROBE_KEY))
        return fail_unanswered(p);
    bool refused = reply_is_error(r);
    if (refused && !span_starts(r->text, "NOPERM")) return fail_answered(p, r, CAUSE_PING_REFUSED);
    if (!engine_try(p->engine, memory, &r, &p->r->trouble, "INFO", "cluster"))
        return fail_unanswered(p);
    if (r->kind == REPLY_BULK && info_u64(r->text, "cluster_enabled", &enabled) && enabled == 1) {
        CLEANUP(mem_free_at) char *place = engine_url_place(p->url);
        (void)err_set(&p->r->trouble, ERR_STATE, "'%s' runs in cluster mode", place);
        return fail(p, CAUSE_CLUSTER, "INFO says cluster_enabled:1");
    }
    step_note(p, REACH_USE, refused ? REACH_LEFT_OUT : REACH_GOOD, clock_ns() - began,
              refused ? "the user may not ask EXISTS for a key of another name: not tried"
                      : "no cluster mode needed");
    return true;
}

bool reach_run(
    net_loop *l, const engine_url *url, err_side side, int timeout_ms, reach_result *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    *ret = (reach_result){.endpoint = endpoint_read(url->host)};
    probe p = {.loop = l,
               .url = url,
               .options = {.url = url, .side = side, .timeout_ms = timeout_ms},
               .r = ret};
    bool open = engine_connect(l, &p.options, &ret->trace, &p.engine, &ret->trouble);
    bool tried = open || ret->trouble.kind != ERR_USAGE;
    if (!tried) *e = ret->trouble;
    /* Each answers whether the next step makes sense. */
    if (tried && way_note(&p, open) && step_auth(&p, &memory) && step_ping(&p, &memory))
        (void)step_use(&p, &memory);
    engine_free(p.engine);
    return tried;
}
