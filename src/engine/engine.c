#include "engine/engine.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/info.h"
#include "engine/secured.h"

#define BUFFER_MAX_DEFAULT (1024 * MIB)
#define RENEW_AGAIN_MS 60000

struct engine {
    net_conn *conn;
    reply_reader reader;
    err_side side;
    int timeout_ms;
    engine_login *login; /* NULL: a password, or none */
    char *user;          /* of the login */
    int64_t stale_ns;    /* when it is to be renewed */
    bool broken; /* an answer is missing or was not understood: no other can be told from it */
};

static bool engine_fail(engine *s, err *e)
{
    const net_tls_facts *tls = s->conn ? net_conn_tls(s->conn) : NULL;
    if (tls) secured_hint(tls->problem, s->side, e);
    err_blame(e, s->side);
    return false;
}

static bool engine_break(engine *s, err *e)
{
    s->broken = true;
    return engine_fail(s, e);
}

bool engine_is_usable(engine *s)
{
    err ignored;
    return !s->broken && net_conn_pump(s->conn, &ignored);
}

/* Commands and their answers, without a look at the login. */
static bool
exchange(engine *s, arena *memory, span commands, size_t count, const reply **ret, err *e)
{
    int64_t deadline = deadline_in_ms(s->timeout_ms);
    if (!buf_append(net_conn_out(s->conn), commands)) {
        err_set(e, ERR_LIMIT, "a command of %zu bytes", commands.size);
        return engine_fail(s, e);
    }
    for (size_t done = 0; done < count;) {
        cursor in = cursor_of(net_conn_in(s->conn));
        const uint8_t *start = in.at;
        step got = reply_read(&s->reader, &in, memory, &ret[done], e);
        net_conn_eat(s->conn, (size_t)(in.at - start));
        if (got == STEP_BAD) return engine_break(s, e);
        if (got == STEP_DONE) {
            done++;
            continue;
        }
        int left = deadline_left_ms(deadline);
        if (left == 0) {
            err_set(e, ERR_TIMEOUT, "'%s': no answer in %d ms", net_conn_peer(s->conn),
                    s->timeout_ms);
            return engine_break(s, e);
        }
        if (!net_conn_turn(s->conn, left, e)) return engine_break(s, e);
    }
    return true;
}

/* AUTH with a password. One argument where no user is named: engines before 6 know no users. */
static bool
login_send(engine *s, const char *user, span password, arena *memory, const reply **ret, err *e)
{
    buf command = buf_of(SECRET_SIZE_MAX + 4 * KIB);
    const span args[] = {span_text("AUTH"), span_text(user ? user : ""), password};
    const span old[] = {args[0], password};
    bool fits = user ? resp_spans(&command, 3, args) : resp_spans(&command, 2, old);
    bool done = fits ? exchange(s, memory, buf_span(&command), 1, ret, e)
                     : err_set(e, ERR_LIMIT, "the user and password are too long");
    buf_wipe(&command);
    return done;
}

/* With a password made for this login. */
static bool login_anew(engine *s, arena *memory, const reply **ret, err *e)
{
    secret password = {0};
    bool done = s->login->make(s->login, s->user, deadline_in_ms(s->timeout_ms), &password, e) &&
                login_send(s, s->user, secret_span(&password), memory, ret, e);
    secret_clear(&password);
    if (done) s->stale_ns = deadline_in_ms(s->login->renew_ms);
    return done;
}

bool engine_authenticate(engine *s, const engine_url *url, arena *memory, const reply **ret, err *e)
{
    *ret = NULL;
    if (!url->login) {
        return !url->password.at ||
               login_send(s, url->user, secret_span(&url->password), memory, ret, e);
    }
    assert(url->user);
    engine_login_unref(s->login);
    free(s->user);
    s->login = engine_login_ref(url->login);
    s->user = mem_text(span_text(url->user));
    return login_anew(s, memory, ret, e);
}

bool engine_is_stale(const engine *s)
{
    return s && s->login && clock_ns() >= s->stale_ns;
}

bool engine_renew(engine *s, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (!engine_is_stale(s)) return true;
    if (!login_anew(s, &memory, &r, e)) {
        if (e->kind != ERR_AWS) return err_wrap(e, "logging in again");
        /* The connection still lives; it is closed some day, and then that is the error. */
        log_warn("'%s': no new login could be made, the old one goes on: %s",
                 net_conn_peer(s->conn), e->text);
        *e = (err){0};
        s->stale_ns = deadline_in_ms(RENEW_AGAIN_MS);
        return true;
    }
    if (!reply_is_error(r)) return true;
    (void)err_set(e, ERR_AUTH, "'%s' refused a renewed login with: %s", net_conn_peer(s->conn),
                  reply_show(r->text).text);
    (void)err_hint(e, "%s", s->login->advice);
    return engine_fail(s, e);
}

bool engine_pipeline(
    engine *s, arena *memory, span commands, size_t count, const reply **ret, err *e)
{
    return engine_renew(s, e) && exchange(s, memory, commands, count, ret, e);
}

bool engine_try_spans(
    engine *s, arena *memory, const reply **ret, err *e, size_t count, const span *args)
{
    buf command = buf_of(BUFFER_MAX_DEFAULT);
    bool fits = resp_spans(&command, count, args);
    bool done = fits ? engine_pipeline(s, memory, buf_span(&command), 1, ret, e)
                     : err_set(e, ERR_LIMIT, "a command larger than %zu bytes", command.max);
    if (command.at) explicit_bzero(command.at, command.size); /* it may hold a password */
    buf_clear(&command);
    return done;
}

bool engine_try_texts(
    engine *s, arena *memory, const reply **ret, err *e, size_t count, const char *const *args)
{
    assert(count <= 64);
    span spans[64];
    for (size_t i = 0; i < count; i++)
        spans[i] = span_text(args[i]);
    return engine_try_spans(s, memory, ret, e, count, spans);
}

/* An error answer becomes an err; "WRONGPASS", "NOAUTH" and "NOPERM" are of kind ERR_AUTH. */
static bool refuse_error(engine *s, const reply *r, span command, err *e)
{
    assert(r); /* a call that succeeded has an answer */
    if (!reply_is_error(r)) return true;
    bool auth = span_starts(r->text, "WRONGPASS") || span_starts(r->text, "NOAUTH") ||
                span_starts(r->text, "NOPERM");
    err_set(e, auth ? ERR_AUTH : ERR_REFUSED, "'%s' answered %s with: %s", net_conn_peer(s->conn),
            span_show(command).text, reply_show(r->text).text);
    return engine_fail(s, e);
}

bool engine_ask_spans(
    engine *s, arena *memory, const reply **ret, err *e, size_t count, const span *args)
{
    return engine_try_spans(s, memory, ret, e, count, args) && refuse_error(s, *ret, args[0], e);
}

bool engine_ask_texts(
    engine *s, arena *memory, const reply **ret, err *e, size_t count, const char *const *args)
{
    return engine_try_texts(s, memory, ret, e, count, args) &&
           refuse_error(s, *ret, span_text(args[0]), e);
}

static bool authenticate(engine *s, const engine_options *o, arena *memory, err *e)
{
    const reply *r = NULL;
    bool done = engine_authenticate(s, o->url, memory, &r, e) &&
                (!r || refuse_error(s, r, span_text("AUTH"), e));
    if (done) return true;
    if (o->url->login) return err_hint(e, "%s", o->url->login->advice);
    size_t at = 0;
    if (r && span_find(r->text, span_text("without any password configured"), &at)) {
        return err_hint(e,
                        "that server asks for no password: give none (unset HANDOVER_%s_PASSWORD)",
                        o->side == SIDE_TARGET ? "TARGET" : "SOURCE");
    }
    return err_hint(
        e, "check the user and password (environment HANDOVER_%s_PASSWORD or a password file)",
        o->side == SIDE_TARGET ? "TARGET" : "SOURCE");
}

static bool greet(engine *s, const engine_options *o, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (!authenticate(s, o, &memory, e)) return false;
    if (!engine_ask(s, &memory, &r, e, "PING")) {
        if (r && span_starts(r->text, "NOPERM")) {
            err_hint(e, "the user may not ask PING: ACL SETUSER %s +ping",
                     o->url->user ? o->url->user : "default");
        } else if (e->kind == ERR_AUTH) {
            err_hint(
                e, "give the password in the environment (HANDOVER_%s_PASSWORD) or a password file",
                o->side == SIDE_TARGET ? "TARGET" : "SOURCE");
        }
        return false;
    }
    /* A user without CLIENT may still do the work; then the name is missing in CLIENT LIST. */
    if (o->name && !engine_try(s, &memory, &r, e, "CLIENT", "SETNAME", o->name)) return false;
    char db[16];
    (void)snprintf(db, sizeof db, "%d", o->url->db);
    return !o->select_db || o->url->db == 0 || engine_ask(s, &memory, &r, e, "SELECT", db);
}

/* What to do about a Unix socket that takes no connection. */
static void socket_hint(int problem, err_side side, err *e)
{
    if (problem == ENOENT || problem == ENOTDIR) {
        err_hint(e,
                 "is the server running, and does its 'unixsocket' name this path? A path inside "
                 "a container is another one here");
    } else if (problem == EACCES || problem == EPERM) {
        err_hint(e, "the socket's 'unixsocketperm' and the directories above it must let this user "
                    "in: run as a user of its group, or set unixsocketperm 770");
    } else if (problem == ECONNREFUSED || problem == EPROTOTYPE) {
        err_hint(e,
                 "no server listens there: the file is left from one that ended, or is no socket");
    } else if (problem == ETIMEDOUT || problem == EAGAIN) {
        err_hint(e, "the server takes no connections just now: see its log, and 'tcp-backlog'");
    }
    if (problem) (void)err_blame(e, side);
}

bool engine_connect(net_loop *l, const engine_options *o, net_trace *trace, engine **ret, err *e)
{
    if (o->url->is_file) {
        err_set(e, ERR_USAGE, "'%s' is a file and no server", o->url->host);
        err_hint(e, "only 'migrate run --source' takes a file");
        return false;
    }
    net_tls tls = {.ca = o->url->tls_parts[ENGINE_TLS_CA],
                   .certificate = o->url->tls_parts[ENGINE_TLS_CERT],
                   .key = o->url->tls_parts[ENGINE_TLS_KEY],
                   .name = o->url->tls_parts[ENGINE_TLS_NAME]};
    net_target target = {.host = o->url->host,
                         .port = o->url->port,
                         .in_max = o->in_max ? o->in_max : BUFFER_MAX_DEFAULT,
                         .out_max = o->out_max ? o->out_max : BUFFER_MAX_DEFAULT,
                         .tls = o->url->tls ? &tls : NULL,
                         .trace = trace};
    engine *s = mem_alloc(sizeof *s);
    s->side = o->side;
    s->timeout_ms = o->timeout_ms;
    if (net_conn_open(l, &target, deadline_in_ms(o->timeout_ms), &s->conn, e)) {
        *ret = s;
        return true;
    }
    secured_explain(l, &target, o->side, e);
    if (engine_url_is_socket(o->url)) socket_hint(trace->connect_problem, o->side, e);
    (void)engine_fail(s, e);
    engine_free(s);
    return false;
}

bool engine_open(net_loop *l, const engine_options *o, engine **ret, err *e)
{
    net_trace trace = {0};
    engine *s = NULL;
    if (!engine_connect(l, o, &trace, &s, e)) return false;
    if (greet(s, o, e)) {
        *ret = s;
        return true;
    }
    if (!o->url->tls && e->kind == ERR_IO)
        err_hint(e, "a server that wants TLS ends plain connections so: then write rediss://");
    if (e->kind != ERR_AWS) (void)engine_fail(s, e); /* a password that nobody makes: no side */
    engine_free(s);
    return false;
}

void engine_free(engine *s)
{
    if (!s) return;
    net_conn_free(s->conn);
    engine_login_unref(s->login);
    free(s->user);
    free(s);
}

net_conn *engine_conn(engine *s)
{
    return s->conn;
}

err_side engine_side(const engine *s)
{
    return s->side;
}

void engine_set_timeout(engine *s, int timeout_ms)
{
    s->timeout_ms = timeout_ms;
}

bool engine_info(engine *s, arena *memory, const char *section, span *ret, err *e)
{
    const reply *r = NULL;
    bool done = section ? engine_ask(s, memory, &r, e, "INFO", section)
                        : engine_ask(s, memory, &r, e, "INFO");
    if (!done) return false;
    assert(r);
    *ret = r->text;
    return true;
}

bool engine_config(engine *s, arena *memory, const char *name, span *ret, err *e)
{
    const reply *r = NULL;
    if (!engine_ask(s, memory, &r, e, "CONFIG", "GET", name)) return false;
    *ret = r->count >= 2 ? r->items[1].text : (span){0};
    return true;
}
