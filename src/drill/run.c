#include "drill/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "drill/advice.h"
#include "drill/connections.h"
#include "engine/info.h"

#define ASK_MS 2000
#define LOOK_MS 500 /* for one attempt to see whether the endpoint has moved */
#define TURN_MS 100
#define WARM_MS 1000                         /* of undisturbed writes before the failover */
#define SETTLED_NS (2 * NS_PER_S)            /* everybody is back for so long: it is over */
#define TRIGGER_MS (INT64_C(10) * 60 * 1000) /* how long the user's own failover is waited for */
#define CLOSE_MS 10000 /* to read back and clean up when the primary is not there at once */

static bool stopped(const run *x, err *e)
{
    return *x->o->stop ? err_set(e, ERR_STOPPED, "interrupted") : true;
}

static bool server_open(run *x, int timeout_ms, engine **ret, err *e)
{
    engine_options o = {.url = x->o->url,
                        .side = SIDE_TARGET,
                        .name = DRILL_NAME,
                        .timeout_ms = timeout_ms,
                        .select_db = true};
    return engine_open(x->loop, &o, ret, e);
}

/* Who it is (a run id, new with each process) and whether it is a primary. */
static bool
server_read(engine *s, arena *memory, const char **ret_identity, bool *ret_primary, err *e)
{
    span info;
    span text = {0};
    if (!engine_info(s, memory, "replication", &info, e)) return false;
    *ret_primary = info_text(info, "role", &text) && span_is(text, "master");
    if (!info_text(info, "master_replid", &text)) text = (span){0};
    const char *line = arena_text(memory, text);
    if (!engine_info(s, memory, "server", &info, e)) return false;
    *ret_identity = info_text(info, "run_id", &text) ? arena_text(memory, text) : line;
    return true;
}

static const char *place_of(run *x, engine *s)
{
    return arena_text(&x->r->memory, span_text(net_conn_peer(engine_conn(s))));
}

static bool clients_list(run *x, engine *s, span *ret, err *e)
{
    const reply *r = NULL;
    if (!engine_ask(s, &x->memory, &r, e, "CLIENT", "LIST")) return false;
    *ret = r->text;
    return true;
}

static bool replicas_check(run *x, err *e)
{
    span info;
    uint64_t replicas = 0;
    if (!engine_info(x->old, &x->memory, "replication", &info, e)) return false;
    if (x->o->group || (info_u64(info, "connected_slaves", &replicas) && replicas > 0)) return true;
    (void)err_set(e, ERR_STATE, "'%s' has no replica: nothing can take over", x->r->old_primary);
    (void)err_blame(e, SIDE_TARGET);
    return err_hint(e, "give it one (replicaof), or name the primary of the pair");
}

/* "10.0.0.7:6379 (cart-001)" */
static const char *with_node(run *x, const char *place, const aws_group *g)
{
    const char *id = group_primary_id(g);
    return *id ? arena_printf(&x->r->memory, "%s (%s)", place, id) : place;
}

static bool begin(run *x, err *e)
{
    bool is_primary = false;
    CLEANUP(mem_free_at) char *url = engine_url_show(x->o->url);
    x->r->target = arena_text(&x->r->memory, span_text(url));
    x->r->group = x->o->group ? x->o->group : "";
    x->r->new_primary = x->r->began_at = "";
    x->r->moved_ms = -1;
    if (x->o->group && !group_begin(&x->group, x->o, &x->memory, e)) return false;
    if (!server_open(x, ASK_MS, &x->old, e)) return false;
    x->r->old_primary = place_of(x, x->old);
    if (x->o->group) x->r->old_primary = with_node(x, x->r->old_primary, &x->group.before);
    if (!server_read(x->old, &x->memory, &x->identity, &is_primary, e)) return false;
    if (!is_primary) {
        (void)err_set(e, ERR_STATE, "'%s' is a replica", x->r->target);
        (void)err_blame(e, SIDE_TARGET);
        return err_hint(e, "name the primary endpoint: the drill writes, and follows the primary");
    }
    if (!replicas_check(x, e)) return false;
    return clients_list(x, x->old, &x->old_before, e);
}

/* Has the endpoint moved? Once it has, `now` is the connection to the new primary. */
static void look(run *x)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *identity = NULL;
    bool is_primary = false;
    engine *s = NULL;
    err e = {0}; /* what is wrong just now is what the clients tell */
    if (x->now && engine_is_usable(x->now)) return;
    engine_free(x->now);
    x->now = NULL;
    if (!server_open(x, LOOK_MS, &s, &e)) return;
    engine_set_timeout(s, ASK_MS);
    if (server_read(s, &memory, &identity, &is_primary, &e) && is_primary &&
        strcmp(identity, x->identity) != 0) {
        if (x->moved_ns == 0) x->moved_ns = clock_ns();
        x->r->new_primary = place_of(x, s);
        x->now = s;
        return;
    }
    engine_free(s);
}

static void turn_rest(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = TURN_MS * NS_PER_MS}, NULL);
}

static bool trigger(run *x, err *e)
{
    int64_t warm = deadline_in_ms(WARM_MS);
    while (deadline_left_ms(warm) > 0 && stopped(x, e))
        turn_rest();
    if (*x->o->stop) return false;
    x->r->began_at = arena_text(&x->r->memory, span_text(clock_show_ms(clock_wall_ms()).text));
    x->began_ns = clock_ns();
    if (x->o->group) {
        if (!group_failover(&x->group, e)) return false;
        x->began_ns = x->group.began_ns;
        log_info("drill: failover of replication group '%s' asked for", x->o->group);
        return true;
    }
    log_info("drill: everybody writes. Start the failover of '%s' now; waiting for it for %d "
             "minutes",
             x->r->target, (int)(TRIGGER_MS / 60000));
    for (int64_t until = deadline_in_ms(TRIGGER_MS); deadline_left_ms(until) > 0; turn_rest()) {
        if (!stopped(x, e)) return false;
        look(x);
        if (!x->now && !fleet_noticed(x)) continue;
        x->began_ns = clock_ns();
        x->r->began_at = arena_text(&x->r->memory, span_text(clock_show_ms(clock_wall_ms()).text));
        return true;
    }
    (void)err_set(e, ERR_TIMEOUT, "no failover happened: '%s' is still the primary",
                  x->r->old_primary);
    (void)err_blame(e, SIDE_TARGET);
    return err_hint(e, "run the drill again and start the failover while it waits");
}

/* Until everybody is back for a while, or the time is over. */
static bool follow(run *x, err *e)
{
    int64_t until = x->began_ns + x->o->duration_ms * NS_PER_MS;
    int64_t back_ns = 0;
    bool moved = false;
    while (deadline_left_ms(until) > 0) {
        bool back = false;
        err lost = {0};
        if (!stopped(x, e)) return false;
        if (x->o->group && !group_look(&x->group, x->r, e)) return false;
        look(x);
        if (x->now && !moved) log_info("drill: the endpoint leads to '%s'", x->r->new_primary);
        moved |= x->now != NULL;
        if (x->now && !fleet_is_back(x, &back, &lost)) log_debug("drill: %s", lost.text);
        if (!back) {
            back_ns = 0;
        } else if (back_ns == 0) {
            back_ns = clock_ns();
        }
        if (back && clock_ns() - back_ns >= SETTLED_NS) return true;
        turn_rest();
    }
    return true;
}

/* The rest of the events, while nobody writes any more. */
static bool events_finish(run *x, err *e)
{
    int64_t until = x->began_ns + x->o->duration_ms * NS_PER_MS;
    if (!x->o->group) return true;
    if (!group_is_over(&x->group))
        log_info("drill: waiting for the end of the recovery, until the duration is over");
    while (!group_is_over(&x->group) && deadline_left_ms(until) > 0 && !*x->o->stop) {
        if (!group_look(&x->group, x->r, e)) return false;
        turn_rest();
    }
    aws_group now;
    if (!group_read(&x->group, &now, e)) return false;
    x->r->new_primary = with_node(x, x->r->new_primary, &now);
    return true;
}

static bool connections_read(run *x, err *e)
{
    span old_after = {0};
    span new_after = {0};
    err gone = {0};
    engine_set_timeout(x->old, ASK_MS);
    x->r->old_answers = engine_is_usable(x->old) && clients_list(x, x->old, &old_after, &gone);
    if (!clients_list(x, x->now, &new_after, e)) return false;
    connections_compare(x->old_before, old_after, new_after, &x->r->memory, &x->r->connections,
                        &x->r->connection_count);
    for (size_t i = 0; i < x->r->connection_count; i++) {
        drill_connections *c = &x->r->connections[i];
        if (c->stayed > 0 || c->now < c->before)
            c->advice = advice_for_library(c->library, c->version, &x->r->memory);
    }
    return true;
}

static bool measure(run *x, err *e)
{
    if (!begin(x, e) || !fleet_start(x, e) || !fleet_wait(x, e)) return false;
    size_t own = x->count - x->canary_count;
    log_info("drill: %zu canaries and %zu client%s of yours write to '%s' (%s)", x->canary_count,
             own, own == 1 ? "" : "s", x->r->target, x->r->old_primary);
    if (!trigger(x, e) || !follow(x, e)) return false;
    if (x->moved_ns == 0) {
        (void)err_set(e, ERR_TIMEOUT, "the endpoint led to no new primary within %" PRId64 " s",
                      x->o->duration_ms / 1000);
        (void)err_blame(e, SIDE_TARGET);
        return err_hint(e, x->o->group ? "look at the group's events, and give --duration more time"
                                       : "the URL must be one that moves with the primary: a name, "
                                         "a virtual address or a proxy");
    }
    x->r->moved_ms = (x->moved_ns - x->began_ns) / NS_PER_MS;
    fleet_end(x);
    look(x);
    if (!x->now) return err_set(e, ERR_TIMEOUT, "the new primary does not answer any more");
    return fleet_judge(x, e) && connections_read(x, e);
}

/* Our keys go, wherever the primary is by now. */
static void tidy(run *x)
{
    err e = {0};
    int64_t until = deadline_in_ms(CLOSE_MS);
    fleet_end(x);
    if (!x->clients) return;
    for (bool done = false; !done; turn_rest()) {
        engine_free(x->now);
        x->now = NULL;
        done = server_open(x, ASK_MS, &x->now, &e) && fleet_remove(x, &e);
        if (done || deadline_left_ms(until) > 0) continue;
        log_warn("drill: its keys ('" DRILL_PREFIX "*') could not be removed: %s. They expire "
                 "within %d minutes",
                 e.text, DRILL_KEY_EXPIRY_S / 60);
        break;
    }
}

bool drill_run(const drill_options *o, drill_result *ret, err *e)
{
    drill_result r = {0};
    run x = {.o = o, .r = &r, .loop = net_loop_new()};
    bool done = measure(&x, e);
    tidy(&x);
    done = done && events_finish(&x, e);
    for (size_t i = 0; i < x.count; i++)
        ledger_clear(&x.clients[i].book);
    free(x.clients);
    engine_free(x.old);
    engine_free(x.now);
    net_loop_free(x.loop);
    arena_clear(&x.memory);
    if (done) {
        *ret = r;
    } else {
        drill_result_clear(&r);
    }
    return done;
}

void drill_result_clear(drill_result *r)
{
    arena_clear(&r->memory);
    *r = (drill_result){0};
}

size_t drill_left_behind(const drill_result *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->client_count; i++)
        count += !r->clients[i].followed && !r->clients[i].is_witness;
    return count;
}
