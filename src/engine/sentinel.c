#include "engine/sentinel.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/info.h"

#define FORM "redis+sentinel://[user@]host[:port][,host[:port]..]/service[/db]"
/* A Sentinel that is well answers in milliseconds; one that is not must not delay the others. */
#define ASK_MS 3000
#define SHOWN_SIZE_MAX (1 * MIB)

static const struct {
    const char *name;
    const char *plain; /* of a server named directly */
} schemes[] = {
    {"redis+sentinel://", "redis://"},
    {"valkey+sentinel://", "redis://"},
    {"rediss+sentinel://", "rediss://"},
    {"valkeys+sentinel://", "rediss://"},
};

/* --- the URL --------------------------------------------------------------------------------- */

static size_t scheme_find(const char *text)
{
    size_t i = 0;
    while (i < COUNT_OF(schemes) && !span_starts(span_text(text), schemes[i].name))
        i++;
    return i;
}

bool sentinel_is_named(const char *text)
{
    return scheme_find(text) < COUNT_OF(schemes);
}

/* User, password and database are read as those of any server, with a host in the Sentinels' place.
 */
static bool server_parse(const char *plain, span login, span db, engine_url *ret, err *e)
{
    size_t size = strlen(plain) + login.size + strlen("h/") + db.size + 1;
    char *whole = mem_alloc(size);
    (void)snprintf(whole, size, "%s%.*sh/%.*s", plain, (int)login.size, (const char *)login.at,
                   (int)db.size, (const char *)db.at);
    bool good = engine_url_parse(whole, ret, e);
    explicit_bzero(whole, size);
    free(whole);
    return good;
}

static bool nodes_parse(span hosts, sentinel_url *u, err *e)
{
    for (;;) {
        size_t comma = 0;
        bool more = span_find(hosts, span_text(","), &comma);
        span one = more ? span_of(hosts.at, comma) : hosts;
        if (u->count == SENTINEL_COUNT_MAX)
            return err_set(e, ERR_USAGE, "more than %d Sentinels", SENTINEL_COUNT_MAX);
        if (!engine_address_parse(one, &u->nodes[u->count].host, &u->nodes[u->count].port, e))
            return err_wrap(e, "Sentinel %zu", u->count + 1);
        if (u->nodes[u->count].port == 0) u->nodes[u->count].port = SENTINEL_PORT_DEFAULT;
        u->count++;
        if (!more) return true;
        hosts = span_tail(hosts, comma + 1);
    }
}

/* The characters that Sentinel takes (redis src/sentinel.c, "sentinel monitor"). */
static bool service_parse(span name, sentinel_url *u, err *e)
{
    bool good = name.size > 0 && name.size <= SENTINEL_SERVICE_MAX;
    for (size_t i = 0; i < name.size && good; i++) {
        uint8_t c = name.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    }
    if (!good) {
        return err_set(e, ERR_USAGE,
                       "behind '/' stands the service: 1 to %d letters, digits, '.', '-', '_'",
                       SENTINEL_SERVICE_MAX);
    }
    u->service = mem_text(name);
    return true;
}

static bool parts_parse(const char *plain, span rest, sentinel_url *u, err *e)
{
    span login = {0};
    span db = {0};
    size_t at = 0;
    for (size_t i = rest.size; i > 0 && !login.size; i--) /* the last: a password may hold one */
        if (rest.at[i - 1] == '@') login = span_of(rest.at, i);
    rest = span_tail(rest, login.size);
    if (!span_find(rest, span_text("/"), &at))
        return err_set(e, ERR_USAGE, "no service behind the Sentinels");
    span hosts = span_of(rest.at, at);
    span service = span_tail(rest, at + 1);
    if (span_find(service, span_text("/"), &at)) {
        db = span_tail(service, at + 1);
        service = span_of(service.at, at);
    }
    return nodes_parse(hosts, u, e) && service_parse(service, u, e) &&
           server_parse(plain, login, db, &u->server, e);
}

bool sentinel_url_parse(const char *text, sentinel_url *ret, err *e)
{
    sentinel_url u = {0};
    size_t i = scheme_find(text);
    bool good = i < COUNT_OF(schemes)
                    ? parts_parse(schemes[i].plain,
                                  span_tail(span_text(text), strlen(schemes[i].name)), &u, e)
                    : err_set(e, ERR_USAGE, "it does not start with 'redis+sentinel://'");
    if (good) {
        *ret = u;
        return true;
    }
    sentinel_url_clear(&u);
    (void)snprintf(e->hint, sizeof e->hint, "write it as " FORM);
    return err_wrap(e, "not the URL of a service that Sentinels watch");
}

void sentinel_url_clear(sentinel_url *u)
{
    engine_url_clear(&u->server);
    free(u->service);
    for (size_t i = 0; i < u->count; i++)
        free(u->nodes[i].host);
    *u = (sentinel_url){0};
}

static bool node_write(const sentinel_url *u, size_t i, buf *out)
{
    const char *host = u->nodes[i].host;
    return buf_printf(out, strchr(host, ':') ? "%s[%s]:%u" : "%s%s:%u", i ? "," : "", host,
                      u->nodes[i].port);
}

char *sentinel_url_show(const sentinel_url *u)
{
    CLEANUP(buf_clear) buf out = buf_of(SHOWN_SIZE_MAX);
    char *server = engine_url_show(&u->server); /* rediss://app@h:6379/2 */
    const char *login = strstr(server, "://") + strlen("://");
    const char *end = strrchr(server, '@');
    bool fits = buf_text(&out, u->server.tls ? "rediss+sentinel://" : "redis+sentinel://") &&
                (!end || buf_printf(&out, "%.*s", (int)(end + 1 - login), login));
    for (size_t i = 0; i < u->count && fits; i++)
        fits = node_write(u, i, &out);
    fits = fits && buf_printf(&out, "/%s", u->service) &&
           (!u->server.db || buf_printf(&out, "/%d", u->server.db));
    assert(fits);
    free(server);
    return mem_text(buf_span(&out));
}

/* --- asking ---------------------------------------------------------------------------------- */

typedef struct {
    net_loop *loop;
    const sentinel_url *url;
    const sentinel_login *login;
} search;

/* One Sentinel as a server: its own address and login, the TLS files of the URL. */
static engine_url node_url(const search *s, size_t i)
{
    engine_url u = engine_url_copy(&s->url->server);
    free(u.host);
    free(u.user);
    secret_clear(&u.password);
    u.host = mem_text(span_text(s->url->nodes[i].host));
    u.port = s->url->nodes[i].port;
    u.db = 0;
    u.user = s->login->user ? mem_text(span_text(s->login->user)) : NULL;
    if (s->login->password) secret_set(&u.password, secret_span(s->login->password));
    engine_login_unref(u.login);
    u.login = NULL;
    return u;
}

/* What is to be done about a login is the same at each of them. */
static bool login_explain(const search *s, err *e)
{
    if (e->kind != ERR_AUTH) return false;
    bool given = s->login->password != NULL;
    (void)snprintf(e->hint, sizeof e->hint,
                   given ? "that is the Sentinel's own password (its requirepass), not the "
                           "server's: look at --sentinel-password-file, "
                           "HANDOVER_SENTINEL_PASSWORD and --sentinel-user"
                         : "the Sentinel wants a password of its own: give it with "
                           "--sentinel-password-file FILE or in HANDOVER_SENTINEL_PASSWORD (an ACL "
                           "user: --sentinel-user NAME)");
    return false;
}

static bool answer_read(const search *s, const reply *r, engine_url *primary, err *e)
{
    uint64_t port = 0;
    if (r->kind == REPLY_NIL) {
        (void)err_set(e, ERR_STATE, "it does not know the service '%s'", s->url->service);
        return err_hint(e,
                        "'SENTINEL MASTERS' lists the services it watches: is the name written as "
                        "there, and is it the Sentinel of this server?");
    }
    bool good = r->kind == REPLY_ARRAY && r->count == 2 && r->items[0].kind == REPLY_BULK &&
                r->items[1].kind == REPLY_BULK && r->items[0].text.size > 0 &&
                !memchr(r->items[0].text.at, 0, r->items[0].text.size) &&
                span_to_u64(r->items[1].text, &port) && port > 0 && port <= UINT16_MAX;
    if (!good) return err_set(e, ERR_FORMAT, "its answer is no address");
    free(primary->host);
    primary->host = mem_text(r->items[0].text);
    primary->port = (uint16_t)port;
    return true;
}

static bool node_ask(const search *s, size_t i, engine_url *primary, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(engine_url_clear) engine_url u = node_url(s, i);
    engine_options o = {.url = &u, .side = SIDE_SOURCE, .timeout_ms = ASK_MS};
    engine *c = NULL;
    const reply *r = NULL;
    if (!engine_open(s->loop, &o, &c, e)) return login_explain(s, e);
    bool good =
        engine_ask(c, &memory, &r, e, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s->url->service);
    if (!good && e->kind == ERR_REFUSED)
        (void)err_hint(e, "is that a Sentinel? Their port is mostly 26379, a server's 6379");
    engine_free(c);
    return good ? answer_read(s, r, primary, e) : login_explain(s, e);
}

/* A Sentinel that was cut off goes on naming the primary that was. */
static bool primary_check(const search *s, const engine_url *primary, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    engine_options o = {.url = primary, .side = SIDE_SOURCE, .timeout_ms = ASK_MS};
    engine *c = NULL;
    span info;
    span role;
    if (!engine_open(s->loop, &o, &c, e)) return false;
    bool good = engine_info(c, &memory, "replication", &info, e);
    engine_free(c);
    if (!good) return false;
    if (info_text(info, "role", &role) && span_is(role, "master")) return true;
    (void)err_set(e, ERR_STATE, "that is no primary (now)");
    return err_hint(e,
                    "a failover may be under way: run it again when 'SENTINEL MASTER %s' on each "
                    "Sentinel names the same address",
                    s->url->service);
}

static bool node_try(const search *s, size_t i, engine_url *primary, err *e)
{
    if (!node_ask(s, i, primary, e)) return false;
    if (primary_check(s, primary, e)) return true;
    char *place = engine_url_place(primary);
    (void)err_wrap(e, "names '%s'", place);
    free(place);
    if (e->kind == ERR_IO || e->kind == ERR_TIMEOUT) {
        (void)err_hint(e,
                       "does this machine reach that address? It is the one that the Sentinels "
                       "see. After the end of a primary they need some seconds to name the next");
    }
    return false;
}

/* Which failure is told last, with its kind and advice: the one nearest to an answer. */
static int weight(err_kind kind)
{
    return kind == ERR_AUTH ? 3 : kind == ERR_STATE ? 2 : kind == ERR_NONE ? 0 : 1;
}

bool sentinel_find(
    net_loop *l, const sentinel_url *u, const sentinel_login *login, engine_url *ret, err *e)
{
    search s = {.loop = l, .url = u, .login = login};
    engine_url primary = engine_url_copy(&u->server);
    err worst = {0};
    for (size_t i = 0; i < u->count; i++) {
        err one = {0};
        if (node_try(&s, i, &primary, &one)) {
            *ret = primary;
            return true;
        }
        (void)err_wrap(&one, "Sentinel '%s:%u'", u->nodes[i].host, u->nodes[i].port);
        bool more = i + 1 < u->count;
        if (u->count > 1) log_warn("%s%s", one.text, more ? "; the next one is asked" : "");
        if (weight(one.kind) > weight(worst.kind)) worst = one;
    }
    engine_url_clear(&primary);
    *e = worst;
    (void)err_blame(e, SIDE_SOURCE);
    (void)err_hint(e, "do the Sentinels run, and does this machine reach them? Name all of them in "
                      "the URL");
    return err_wrap(e, "no Sentinel led to the primary of '%s'", u->service);
}
