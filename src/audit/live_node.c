/* What is asked of one server: a table of questions, and what becomes of the answers.
 *
 * Every command here reads and is bounded: nothing looks at all keys. What the server refuses is
 * noted with what the audit cannot say without it. */
#include "audit/live_internal.h"
#include "audit/parse.h"
#include "audit/settings.h"

#define SLOW_MAX ((size_t)10)
#define STRANGE "the answer has another form than that of any engine"

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

static void whoami_take(live_reader *r, const reply *a)
{
    r->n->whoami = arena_text(&r->f->memory, span_text(span_show(a->text).text));
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
    reply_kind kind; /* of the answer */
    void (*take)(live_reader *r, const reply *a);
    const char *means; /* what is not said without it */
} questions[] = {
    {{"CONFIG", "GET", "*"},
     2,
     0,
     REPLY_ARRAY,
     config_take,
     "which settings differ from their defaults"},
    {{"CLIENT", "LIST"}, 2, 4, REPLY_BULK, clients_take, "who is connected, and with what library"},
    {{"ACL", "LIST"}, 6, 0, REPLY_ARRAY, users_take, "which users exist and what they may do"},
    {{"ACL", "WHOAMI"}, 6, 0, REPLY_BULK, whoami_take, "as which user it was read"},
    {{"MODULE", "LIST"}, 4, 0, REPLY_ARRAY, modules_take, "which modules are loaded"},
    {{"FUNCTION", "LIST"}, 7, 0, REPLY_ARRAY, functions_take, "which function libraries exist"},
    {{"LATENCY", "LATEST"}, 2, 8, REPLY_ARRAY, latency_take, "which latency events there were"},
    {{"SLOWLOG", "GET", "10"}, 2, 2, REPLY_ARRAY, slowlog_take, "which commands are slow"},
    {{"PUBSUB", "NUMSUB", "__sentinel__:hello"},
     2,
     8,
     REPLY_ARRAY,
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
    if (a->kind != q->kind) {
        const char *what = arena_printf(&r->f->memory, "%s %s", q->words[0], q->words[1]);
        unread_add(r->f, r->n, what, reply_is_error(a) ? reply_show(a->text).text : STRANGE,
                   q->means);
        return true;
    }
    q->take(r, a);
    return true;
}

/* The words that HELLO answers to everybody who may connect: product and version. */
static void hello_take(live_reader *r, const reply *a)
{
    err e = {0};
    const reply *server = reply_field(a, "server");
    const reply *version = reply_field(a, "version");
    if (!server || !version) return;
    bool is_valkey = span_is(server->text, "valkey");
    const char *text = arena_printf(&r->scratch, "%s_version:%s\r\n",
                                    is_valkey ? "valkey" : "redis", version->text.at);
    r->n->has_version = engine_version_read(span_text(text), &r->n->version, &e);
}

static bool version_ask(live_reader *r, err *e)
{
    const reply *a = NULL;
    r->n->version = (engine_version){.product = ENGINE_REDIS, .major = 6};
    if (!engine_try(r->server, &r->scratch, &a, e, "HELLO", "2")) return false;
    if (!reply_is_error(a)) hello_take(r, a);
    return true;
}

static bool info_ask(live_reader *r, err *e)
{
    const reply *a = NULL;
    arena_clear(&r->scratch);
    if (!engine_try(r->server, &r->scratch, &a, e, "INFO", "all")) return false;
    if (a->kind == REPLY_BULK) parse_info(a->text, &r->f->memory, r->n);
    if (r->n->has_version) return true;
    unread_add(r->f, r->n, "INFO", reply_is_error(a) ? reply_show(a->text).text : STRANGE,
               "commands in use, memory, replication, which databases hold keys");
    return version_ask(r, e);
}

/* CLIENT LIST costs the server some microseconds a client, in one go. */
static bool clients_are_too_many(live_reader *r, const struct live_question *q)
{
    uint64_t clients = 0;
    if (q->take != clients_take || !audit_info_u64(r->n, "connected_clients", &clients))
        return false;
    if (clients <= LIVE_CLIENTS_MAX) return false;
    const char *why =
        arena_printf(&r->f->memory, "not sent: %" PRIu64 " clients are connected, more than %zu",
                     clients, LIVE_CLIENTS_MAX);
    unread_add(r->f, r->n, "CLIENT LIST", why, q->means);
    return true;
}

bool live_node_read(audit_facts *f, audit_node *n, engine *server, err *e)
{
    live_reader r = {.f = f, .n = n, .server = server};
    bool done = info_ask(&r, e);
    for (size_t i = 0; done && i < COUNT_OF(questions); i++)
        done = clients_are_too_many(&r, &questions[i]) || question_ask(&r, &questions[i], e);
    for (size_t i = 0; i < n->client_count; i++)
        if (strncmp(n->clients[i].name, "sentinel-", 9) == 0) n->is_sentinel_watched = true;
    arena_clear(&r.scratch);
    return done;
}
