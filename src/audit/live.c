/* From a running server, and in a cluster from each of its members.
 *
 * Every command here reads and is bounded: nothing looks at all keys but SCAN (sample.c), and that
 * in small steps. What the server refuses is noted with what the audit cannot say without it. */
#include "audit/audit_internal.h"
#include "audit/parse.h"
#include "audit/settings.h"
#include "base/clock.h"
#include "engine/engine.h"

#define CALL_TIMEOUT_MS 10000
#define NODES_MAX ((size_t)500)
#define SLOW_MAX ((size_t)10)

typedef struct {
    audit_facts *f;
    audit_node *n;
    engine *server;
    arena scratch; /* answers; cleared between commands */
} live_reader;

static void config_take(live_reader *r, const reply *a)
{
    for (size_t i = 0; i + 1 < a->count; i += 2) {
        settings_add_running(r->f, r->n, (const char *)a->items[i].text.at,
                             (const char *)a->items[i + 1].text.at);
    }
}

static void clients_take(live_reader *r, const reply *a)
{
    parse_clients(a->text, &r->f->memory, r->n);
}

static void users_take(live_reader *r, const reply *a)
{
    r->n->users = arena_alloc(&r->f->memory, (a->count + 1) * sizeof *r->n->users);
    for (size_t i = 0; i < a->count; i++) {
        fact_user *u = &r->n->users[r->n->user_count];
        if (parse_user(a->items[i].text, &r->f->memory, u)) r->n->user_count++;
    }
}

static void modules_take(live_reader *r, const reply *a)
{
    r->n->module_count = 0; /* INFO names them too, from 6.0 on */
    r->n->modules = arena_alloc(&r->f->memory, (a->count + 1) * sizeof *r->n->modules);
    for (size_t i = 0; i < a->count; i++) {
        const reply *name = reply_field(&a->items[i], "name");
        const reply *version = reply_field(&a->items[i], "ver");
        if (!name) continue;
        r->n->modules[r->n->module_count++] = (fact_module){
            .name = arena_text(&r->f->memory, span_text(span_show(name->text).text)),
            .version = version ? arena_printf(&r->f->memory, "%" PRId64, version->integer) : ""};
    }
}

static void functions_take(live_reader *r, const reply *a)
{
    const char **names = arena_alloc(&r->f->memory, (a->count + 1) * sizeof *names);
    for (size_t i = 0; i < a->count; i++) {
        const reply *name = reply_field(&a->items[i], "library_name");
        if (!name) continue;
        names[r->n->function_count++] =
            arena_text(&r->f->memory, span_text(span_show(name->text).text));
    }
    r->n->functions = names;
}

static void slow_add(live_reader *r, const char *line)
{
    const char **all = arena_alloc(&r->f->memory, (r->n->slow_count + 1) * sizeof *all);
    for (size_t i = 0; i < r->n->slow_count; i++)
        all[i] = r->n->slow[i];
    all[r->n->slow_count++] = line;
    r->n->slow = all;
}

/* Event, when it happened last, that latency, the worst one. */
static void latency_take(live_reader *r, const reply *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const reply *event = &a->items[i];
        if (event->kind != REPLY_ARRAY || event->count < 4) continue;
        slow_add(r, arena_printf(&r->f->memory, "latency event '%s': worst %" PRId64 " ms",
                                 span_show(event->items[0].text).text, event->items[3].integer));
    }
}

/* Id, time, microseconds, words: of the words only the first two, values are nobody's business. */
static void slowlog_take(live_reader *r, const reply *a)
{
    for (size_t i = 0; i < a->count && i < SLOW_MAX; i++) {
        const reply *one = &a->items[i];
        if (one->kind != REPLY_ARRAY || one->count < 4 || one->items[3].count == 0) continue;
        const reply *words = &one->items[3];
        slow_add(r, arena_printf(&r->f->memory, "slow command: %s %s … took %" PRId64 " us",
                                 span_show(words->items[0].text).text,
                                 words->count > 1 ? span_show(words->items[1].text).text : "",
                                 one->items[2].integer));
    }
}

/* A Sentinel subscribes to this channel on every server it watches. */
static void sentinel_take(live_reader *r, const reply *a)
{
    if (a->count >= 2 && a->items[1].integer > 0) r->n->is_sentinel_watched = true;
}

/* What is asked of a server behind INFO. `from`: the first version that has it. */
static const struct live_question {
    const char *words[4];
    unsigned major, minor;
    void (*take)(live_reader *r, const reply *a);
    const char *means; /* what is not said without it */
} questions[] = {
    {{"CONFIG", "GET", "*"}, 2, 0, config_take, "which settings differ from their defaults"},
    {{"CLIENT", "LIST"}, 2, 4, clients_take, "who is connected, and with what library"},
    {{"ACL", "LIST"}, 6, 0, users_take, "which users exist and what they may do"},
    {{"MODULE", "LIST"}, 4, 0, modules_take, "which modules are loaded"},
    {{"FUNCTION", "LIST"}, 7, 0, functions_take, "which function libraries exist"},
    {{"LATENCY", "LATEST"}, 2, 8, latency_take, "which latency events there were"},
    {{"SLOWLOG", "GET", "10"}, 2, 2, slowlog_take, "which commands are slow"},
    {{"PUBSUB", "NUMSUB", "__sentinel__:hello"},
     2,
     8,
     sentinel_take,
     "whether a Sentinel watches the server"},
};

static size_t word_count(const struct live_question *q)
{
    size_t count = 0;
    while (count < COUNT_OF(q->words) && q->words[count])
        count++;
    return count;
}

static bool question_ask(live_reader *r, const struct live_question *q, err *e)
{
    const reply *a = NULL;
    bool is_old = !engine_version_at_least(&r->n->version, q->major, q->minor);
    if (r->n->version.product == ENGINE_REDIS && is_old) return true;
    arena_clear(&r->scratch);
    if (!engine_try_texts(r->server, &r->scratch, &a, e, word_count(q), q->words)) return false;
    if (reply_is_error(a)) {
        const char *what = arena_printf(&r->f->memory, "%s %s", q->words[0], q->words[1]);
        unread_add(r->f, r->n, what, span_show(a->text).text, q->means);
        return true;
    }
    q->take(r, a);
    return true;
}

static bool info_ask(live_reader *r, err *e)
{
    const reply *a = NULL;
    arena_clear(&r->scratch);
    if (!engine_try(r->server, &r->scratch, &a, e, "INFO", "all")) return false;
    if (reply_is_error(a)) {
        unread_add(r->f, r->n, "INFO", span_show(a->text).text,
                   "the version, commands in use, memory, replication");
        r->n->version = (engine_version){.product = ENGINE_REDIS, .major = 7};
        return true;
    }
    parse_info(a->text, &r->f->memory, r->n);
    return true;
}

static bool node_read(audit_facts *f, audit_node *n, engine *server, err *e)
{
    live_reader r = {.f = f, .n = n, .server = server};
    bool done = info_ask(&r, e);
    for (size_t i = 0; done && i < COUNT_OF(questions); i++)
        done = question_ask(&r, &questions[i], e);
    for (size_t i = 0; i < n->client_count; i++)
        if (strncmp(n->clients[i].name, "sentinel-", 9) == 0) n->is_sentinel_watched = true;
    arena_clear(&r.scratch);
    return done;
}

static bool server_open(net_loop *l, const engine_url *url, engine **ret, err *e)
{
    engine_options options = {
        .url = url, .side = SIDE_SOURCE, .name = "handover-audit", .timeout_ms = CALL_TIMEOUT_MS};
    return engine_open(l, &options, ret, e);
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
    static const char *const never[] = {"myself", "fail", "noaddr", "handshake"};
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

static void member_take(net_loop *l, audit_facts *f, const engine_url *url)
{
    engine *server = NULL;
    err e = {0};
    audit_node *n = &f->nodes[f->node_count++];
    n->address = arena_printf(&f->memory, "%s:%u", url->host, url->port);
    bool done = server_open(l, url, &server, &e) && node_read(f, n, server, &e);
    engine_free(server);
    if (!done) unread_add(f, n, n->address, e.text, "anything about this member of the cluster");
}

/* The first node has answered; the others follow with the same user and password. */
static bool members_read(net_loop *l, const audit_options *o, audit_facts *f, engine *first, err *e)
{
    const reply *a = NULL;
    arena scratch = {0};
    span line = {0};
    bool done = engine_try(first, &scratch, &a, e, "CLUSTER", "NODES");
    if (done && reply_is_error(a)) {
        unread_add(f, &f->nodes[0], "CLUSTER NODES", span_show(a->text).text,
                   "anything about the other members of the cluster");
    } else if (done) {
        engine_url url = engine_url_copy(o->source);
        span rest = a->text;
        while (span_cut(&rest, '\n', &line) && f->node_count < NODES_MAX)
            if (member_read(line, &url)) member_take(l, f, &url);
        engine_url_clear(&url);
    }
    arena_clear(&scratch);
    return done;
}

bool audit_collect_live(const audit_options *o, audit_facts *f, err *e)
{
    net_loop *l = net_loop_new();
    engine *first = NULL;
    f->nodes = arena_alloc(&f->memory, NODES_MAX * sizeof *f->nodes);
    f->node_count = 1;
    f->is_live = true;
    f->read_at_ms = clock_wall_ms();
    f->nodes[0].address = o->source->port
                              ? arena_printf(&f->memory, "%s:%u", o->source->host, o->source->port)
                              : arena_text(&f->memory, span_text(o->source->host));
    bool done = server_open(l, o->source, &first, e) && node_read(f, &f->nodes[0], first, e);
    if (done && f->nodes[0].is_cluster) done = members_read(l, o, f, first, e);
    engine_free(first);
    net_loop_free(l);
    return done;
}
