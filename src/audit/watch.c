/* --watch: the same clients looked at again, so that those which come and go are seen, and the
 * counters before and after. */
#include <unistd.h>

#include "audit/live_internal.h"
#include "audit/parse.h"
#include "audit/settings.h"
#include "base/clock.h"

#define LOOK_EVERY_MS 1000
#define NAP_US 20000

static fact_client *client_find(audit_node *n, uint64_t id)
{
    for (size_t i = 0; id && i < n->client_count; i++)
        if (n->clients[i].id == id) return &n->clients[i];
    return NULL;
}

static fact_client client_copy(arena *memory, const fact_client *c)
{
    fact_client copy = *c;
    const char **texts[] = {&copy.address,     &copy.local, &copy.name,         &copy.lib_name,
                            &copy.lib_version, &copy.user,  &copy.last_command, &copy.flags};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_text(memory, span_text(*texts[i]));
    return copy;
}

/* One client again: what may have changed meanwhile. */
static void client_update(arena *memory, fact_client *known, const fact_client *seen)
{
    known->age_s = seen->age_s;
    known->idle_s = seen->idle_s;
    known->db = seen->db;
    known->is_blocked = known->is_blocked || seen->is_blocked;
    known->is_pubsub = known->is_pubsub || seen->is_pubsub;
    known->seen++;
    if (strcmp(known->last_command, seen->last_command) != 0)
        known->last_command = arena_text(memory, span_text(seen->last_command));
}

static void clients_merge(audit_facts *f, audit_node *n, span text)
{
    arena scratch = {0};
    audit_node look = {0};
    size_t known = n->client_count; /* all of this look that are not among these are new */
    parse_clients(text, &scratch, &look);
    fact_client *all = mem_alloc((n->client_count + look.client_count) * sizeof *all);
    if (known) memcpy(all, n->clients, known * sizeof *all);
    audit_node before = {.clients = all, .client_count = known};
    size_t count = known;
    for (size_t i = 0; i < look.client_count; i++) {
        fact_client *c = client_find(&before, look.clients[i].id);
        if (c) {
            client_update(&f->memory, c, &look.clients[i]);
        } else if (count < LIVE_CLIENTS_MAX) {
            all[count++] = client_copy(&f->memory, &look.clients[i]);
        }
    }
    if (count > known) n->clients = arena_alloc(&f->memory, count * sizeof *all);
    if (count) memcpy(n->clients, all, count * sizeof *all);
    n->client_count = count;
    free(all);
    arena_clear(&scratch);
}

static bool is_unread(const audit_node *n, const char *what)
{
    for (size_t i = 0; i < n->unread_count; i++)
        if (strcmp(n->unread[i].what, what) == 0) return true;
    return false;
}

static bool look_take(audit_facts *f, audit_node *n, engine *s, err *e)
{
    const reply *a = NULL;
    arena scratch = {0};
    bool done = engine_try(s, &scratch, &a, e, "CLIENT", "LIST");
    if (done && !reply_is_error(a)) clients_merge(f, n, a->text);
    arena_clear(&scratch);
    return done;
}

static bool counters_take(audit_facts *f, audit_node *n, engine *s, err *e)
{
    const reply *a = NULL;
    arena scratch = {0};
    bool done = engine_try(s, &scratch, &a, e, "INFO", "all");
    if (done && !reply_is_error(a)) {
        n->info_before = n->info;
        parse_info(a->text, &f->memory, n);
    }
    arena_clear(&scratch);
    return done;
}

/* A server that leaves during the watch ends it for itself only. */
static void server_leaves(audit_facts *f, audit_node *n, engine **server, const err *e)
{
    unread_add(f, n, "--watch", e->text, "clients and counters after this moment");
    engine_free(*server);
    *server = NULL;
}

static bool may_go_on(const audit_options *o, int64_t until_ns)
{
    return clock_ns() < until_ns && !(o->stop && *o->stop);
}

void live_watch(const audit_options *o, audit_facts *f, engine **servers)
{
    int64_t begun = clock_ns();
    int64_t end = begun + o->watch_ms * NS_PER_MS;
    while (may_go_on(o, end)) {
        int64_t next = deadline_in_ms(LOOK_EVERY_MS);
        while (may_go_on(o, next < end ? next : end))
            (void)usleep(NAP_US); /* woken early, it only looks at the clock once more */
        for (size_t i = 0; i < f->node_count && !(o->stop && *o->stop); i++) {
            err e = {0};
            bool asks = servers[i] && !is_unread(&f->nodes[i], "CLIENT LIST");
            if (asks && !look_take(f, &f->nodes[i], servers[i], &e))
                server_leaves(f, &f->nodes[i], &servers[i], &e);
        }
    }
    f->watched_ms = (clock_ns() - begun) / NS_PER_MS;
    for (size_t i = 0; i < f->node_count; i++) {
        err e = {0};
        bool asks = servers[i] && f->nodes[i].info.size > 0;
        if (asks && !counters_take(f, &f->nodes[i], servers[i], &e))
            server_leaves(f, &f->nodes[i], &servers[i], &e);
    }
}
