#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "drill/advice.h"
#include "drill/run.h"

#define CANARY_FIRST_MS 10000
#define COMMAND_FIRST_MS 60000 /* some need a while to start */
#define LOGIN_MS 20000
#define POLL_MS 20
#define READ_MS 100
#define FRESH_NS (3 * NS_PER_S) /* who wrote so lately still writes */

static void *commands_watch(void *context)
{
    run *x = context;
    while (!atomic_load(&x->reader_stop))
        commands_read(x->clients + x->canary_count, x->count - x->canary_count, READ_MS);
    return NULL;
}

static bool password_keep(run *x, span password, err *e)
{
    const char *set = secure_getenv("TMPDIR");
    const char *where = set && set[0] ? set : "/tmp";
    int size = snprintf(x->folder, sizeof x->folder, "%s/handover-drill-XXXXXX", where);
    if (size >= (int)sizeof x->folder || !mkdtemp(x->folder)) {
        int why = size >= (int)sizeof x->folder ? ENAMETOOLONG : errno;
        x->folder[0] = '\0';
        (void)err_sys(e, why, "make a folder in '%s'", where);
        return err_hint(e, "set TMPDIR to a directory that can be written");
    }
    (void)snprintf(x->password_file, sizeof x->password_file, "%s/password", x->folder);
    FILE *f = fopen(x->password_file, "wxe"); /* in a folder that only we may enter */
    if (!f) return err_sys(e, errno, "make '%s'", x->password_file);
    bool wrote = fwrite(password.at, 1, password.size, f) == password.size;
    if (fclose(f) != 0 || !wrote) return err_sys(e, errno, "write '%s'", x->password_file);
    return true;
}

/* For the commands; a login makes one that is good for some minutes. */
static bool password_write(run *x, err *e)
{
    const engine_url *u = x->o->url;
    if (!u->login) return u->password.size == 0 || password_keep(x, secret_span(&u->password), e);
    secret made = {0};
    bool good = u->login->make(u->login, u->user, deadline_in_ms(LOGIN_MS), &made, e) &&
                password_keep(x, secret_span(&made), e);
    secret_clear(&made);
    return good;
}

static void clients_make(run *x)
{
    uint32_t mark = 0;
    if (getrandom(&mark, sizeof mark, 0) != sizeof mark) mark = (uint32_t)clock_ns();
    x->canary_count = canary_kinds_count();
    x->count = x->canary_count + x->o->command_count;
    x->clients = mem_alloc(x->count * sizeof *x->clients);
    for (size_t i = 0; i < x->count; i++) {
        client *c = &x->clients[i];
        *c = (client){.url = x->o->url, .stop = &x->stop, .out = -1, .errors = -1};
        c->prefix = arena_printf(&x->memory, DRILL_PREFIX "%08x:%zu:", mark, i);
        ledger_init(&c->book);
        if (i < x->canary_count) {
            canary_of(i, c);
        } else {
            c->command = x->o->commands[i - x->canary_count];
        }
    }
}

bool fleet_start(run *x, err *e)
{
    clients_make(x);
    if (x->o->command_count && !password_write(x, e)) return false;
    command_place place = {.url = x->o->url, .password_file = x->password_file};
    for (size_t i = 0; i < x->count; i++) {
        client *c = &x->clients[i];
        if (!(c->kind ? canary_start(c, e) : command_start(c, &place, e))) return false;
    }
    if (x->o->command_count == 0) return true;
    int problem = pthread_create(&x->reader, NULL, commands_watch, x);
    if (problem) return err_sys(e, problem, "start a thread");
    x->has_reader = true;
    return true;
}

static const char *name_of(const client *c)
{
    return c->kind ? canary_name(c) : c->command;
}

/* What it met most lately, for people. */
static const char *trouble_of(client *c)
{
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        if (c->book.failures[i]) return c->book.examples[i];
    return c->last_words[0] ? c->last_words : "it said nothing";
}

static bool refuse_silent(client *c, err *e)
{
    (void)pthread_mutex_lock(&c->book.lock);
    (void)err_set(e, ERR_STATE, "before any failover, %s '%s' %s: %s",
                  c->kind ? "canary" : "client", name_of(c),
                  atomic_load(&c->ended) ? "ended" : "wrote nothing",
                  span_show(span_text(trouble_of(c))).text);
    (void)pthread_mutex_unlock(&c->book.lock);
    if (!c->kind)
        return err_hint(e, "run it by hand: it must say 'ok N' for every write (docs/drill.md)");
    return err_hint(e, "the user needs SET, EVAL, MULTI, BLPOP, EXISTS and UNLINK on " DRILL_PREFIX
                       "*, INFO and CLIENT LIST");
}

bool fleet_wait(run *x, err *e)
{
    int64_t began = clock_ns();
    for (size_t i = 0; i < x->count;) {
        client *c = &x->clients[i];
        ledger_write w;
        int64_t most_ms = c->kind ? CANARY_FIRST_MS : COMMAND_FIRST_MS;
        if (*x->o->stop) return err_set(e, ERR_STOPPED, "interrupted");
        if (ledger_last(&c->book, &w)) {
            i++;
            continue;
        }
        if (atomic_load(&c->ended) || clock_ns() - began > most_ms * NS_PER_MS)
            return refuse_silent(c, e);
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * NS_PER_MS}, NULL);
    }
    return true;
}

bool fleet_is_back(run *x, bool *ret, err *e)
{
    *ret = true;
    for (size_t i = 0; i < x->count && *ret; i++) {
        ledger_write w = {0};
        client *c = &x->clients[i];
        if (atomic_load(&c->ended)) continue;          /* it comes back no more */
        if (c->kind && canary_is_witness(c)) continue; /* and it may never */
        bool any =
            ledger_last(&c->book, &w) && w.at_ns > x->moved_ns && clock_ns() - w.at_ns < FRESH_NS;
        if (!any) {
            *ret = false;
        } else if (!check_one(x->now, c, w.n, ret, e)) {
            return false;
        }
    }
    return true;
}

bool fleet_noticed(run *x)
{
    for (size_t i = 0; i < x->count; i++) {
        int64_t last_ns = 0;
        if (ledger_failures(&x->clients[i].book, &last_ns) > 0 && last_ns > x->began_ns)
            return true;
    }
    return false;
}

void fleet_end(run *x)
{
    if (!x->clients) return;
    x->ended_ns = clock_ns();
    atomic_store(&x->stop, true);
    atomic_store(&x->reader_stop, true);
    if (x->has_reader) (void)pthread_join(x->reader, NULL);
    x->has_reader = false;
    commands_end(x->clients + x->canary_count, x->count - x->canary_count);
    for (size_t i = 0; i < x->canary_count; i++)
        canary_join(&x->clients[i]);
    if (x->password_file[0]) (void)unlink(x->password_file);
    if (x->folder[0]) (void)rmdir(x->folder);
    x->folder[0] = x->password_file[0] = '\0';
}

/* Text of outside, as it can be shown: no control character reaches a terminal. */
static const char *shown_text(run *x, const char *text)
{
    char *copy = arena_text(&x->r->memory, span_text(text));
    for (char *at = copy; *at; at++)
        if (*at < ' ' || *at == 0x7f) *at = '?'; /* also what is no ASCII: it may be cut */
    return copy;
}

static bool client_judge(run *x, const client *c, drill_client *out, err *e)
{
    ledger_write lost = {0};
    ledger_write last = {0};
    *out = (drill_client){.library = shown_text(x, c->library),
                          .version = shown_text(x, c->version),
                          .is_witness = c->kind && canary_is_witness(c),
                          .ended = atomic_load(&c->ended),
                          .acknowledged = c->book.count};
    out->name = c->kind ? canary_name(c) : c->library[0] ? out->library : shown_text(x, c->command);
    if (!c->kind) out->command = arena_text(&x->r->memory, span_text(c->command));
    if (!check_all(x->now, c, &out->lost, &lost, e)) return false;
    if (c->book.count) last = c->book.writes[c->book.count - 1];
    out->followed = !out->ended && last.at_ns > x->moved_ns && last.at_ns > lost.at_ns &&
                    x->ended_ns - last.at_ns < FRESH_NS;
    out->stalled_ms = ledger_stall_ns(&c->book, x->began_ns, x->ended_ns) / NS_PER_MS;
    if (lost.at_ns > x->began_ns) out->astray_ms = (lost.at_ns - x->began_ns) / NS_PER_MS;
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        out->failures[i] = c->book.failures[i];
        out->examples[i] = shown_text(x, c->book.examples[i]);
    }
    out->advice = advice_for(out, &x->r->memory);
    return true;
}

bool fleet_judge(run *x, err *e)
{
    drill_client *all = arena_alloc(&x->r->memory, x->count * sizeof *all);
    for (size_t i = 0; i < x->count; i++)
        if (!client_judge(x, &x->clients[i], &all[i], e)) return false;
    x->r->clients = all;
    x->r->client_count = x->count;
    return true;
}

bool fleet_remove(run *x, err *e)
{
    for (size_t i = 0; i < x->count; i++)
        if (!check_remove(x->now ? x->now : x->old, &x->clients[i], e)) return false;
    return true;
}
