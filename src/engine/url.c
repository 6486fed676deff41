#include "engine/url.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"

/* Linux hands over no argument or variable above 128 KiB; one byte of it becomes three at most. */
#define SHOWN_SIZE_MAX (512 * KIB)
#define DB_MAX 100000

/* With the NUL behind it (unix(7)). */
#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)

typedef bool parts_reader(span rest, engine_url *u, err *e);
static parts_reader parts_parse, socket_parse, file_parse;

typedef struct {
    const char *name;
    bool tls;
    parts_reader *read; /* what stands behind the name */
    const char *form;
} scheme;

#define FORM "redis://[user@]host[:port][/db]"
static const scheme schemes[] = {
    {"redis://", false, parts_parse, FORM},
    {"valkey://", false, parts_parse, FORM},
    {"rediss://", true, parts_parse, FORM},
    {"valkeys://", true, parts_parse, FORM},
    {"unix://", false, socket_parse, "unix://[user@]/path[?db=N]"},
    {"file:", false, file_parse, "file:PATH"},
};

const char *const engine_tls_names[ENGINE_TLS_COUNT] = {
    [ENGINE_TLS_CA] = "ca",
    [ENGINE_TLS_CERT] = "cert",
    [ENGINE_TLS_KEY] = "key",
    [ENGINE_TLS_NAME] = "tls-name",
};

/* "%41b" -> "Ab"; false: a percent sign without two hex digits. The caller wipes what it got. */
static bool percent_decode(span s, secret *ret)
{
    uint8_t *out = mem_alloc(s.size);
    size_t size = 0;
    bool good = true;
    for (size_t i = 0; i < s.size && good; i++) {
        if (s.at[i] != '%') {
            out[size++] = s.at[i];
            continue;
        }
        int high = i + 2 < s.size ? hex_digit(s.at[i + 1]) : -1;
        int low = i + 2 < s.size ? hex_digit(s.at[i + 2]) : -1;
        good = high >= 0 && low >= 0;
        if (good) out[size++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    if (good) secret_set(ret, span_of(out, size));
    explicit_bzero(out, s.size);
    free(out);
    return good;
}

/* The position of the last '@': a password may hold one. */
static bool at_sign_find(span s, size_t *ret)
{
    for (size_t i = s.size; i > 0; i--) {
        if (s.at[i - 1] == '@') {
            *ret = i - 1;
            return true;
        }
    }
    return false;
}

static bool user_parse(span s, engine_url *u, err *e)
{
    span user = {0};
    span rest = s;
    bool some = span_cut(&rest, ':', &user);
    bool has_password = some && user.size < s.size;
    secret name = {0};
    if (user.size) {
        if (!percent_decode(user, &name))
            return err_set(e, ERR_USAGE, "a '%%' in the user is not followed by two hex digits");
        bool has_nul = memchr(name.at, 0, name.size) != NULL;
        if (!has_nul) u->user = mem_text(secret_span(&name));
        secret_clear(&name);
        if (has_nul) return err_set(e, ERR_USAGE, "the user holds a zero byte");
    }
    if (has_password && !percent_decode(rest, &u->password))
        return err_set(e, ERR_USAGE, "a '%%' in the password is not followed by two hex digits");
    return true;
}

/* With the zone that a link-local one has ("fe80::1%eth0"). */
static bool is_ipv6(span host)
{
    char text[INET6_ADDRSTRLEN] = {0};
    struct in6_addr ignored;
    const uint8_t *zone = host.size ? memchr(host.at, '%', host.size) : NULL;
    size_t size = zone ? (size_t)(zone - host.at) : host.size;
    if (size == 0 || size >= sizeof text || memchr(host.at, 0, size)) return false;
    memcpy(text, host.at, size);
    return inet_pton(AF_INET6, text, &ignored) == 1;
}

/* Port and database are not repeated in messages: where the '@' was forgotten, the password stands
 * in their place. */
bool engine_address_parse(span s, char **ret_host, uint16_t *ret_port, err *e)
{
    span host = s;
    span port = {0};
    size_t close = 0;
    if (span_starts(s, "[")) {
        if (!span_find(s, span_text("]"), &close))
            return err_set(e, ERR_USAGE, "an address in '[' has no ']'");
        host = span_of(s.at + 1, close - 1);
        if (host.size && !is_ipv6(host))
            return err_set(e, ERR_USAGE, "what is in '[]' is no IPv6 address");
        port = span_tail(s, close + 1);
        if (port.size && port.at[0] != ':')
            return err_set(e, ERR_USAGE, "only ':port' may follow ']'");
        port = span_tail(port, 1);
    } else {
        size_t colon = 0;
        if (span_find(s, span_text(":"), &colon)) {
            host = span_of(s.at, colon);
            port = span_tail(s, colon + 1);
            if (port.size == 0) return err_set(e, ERR_USAGE, "no port after ':'");
        }
    }
    if (host.size == 0) return err_set(e, ERR_USAGE, "no host");
    uint64_t number = 0;
    if (port.size && (!span_to_u64(port, &number) || number == 0 || number > UINT16_MAX))
        return err_set(e, ERR_USAGE, "the port behind ':' is not a number from 1 to 65535");
    *ret_host = mem_text(host);
    *ret_port = (uint16_t)number;
    return true;
}

static bool host_parse(span s, engine_url *u, err *e)
{
    if (!engine_address_parse(s, &u->host, &u->port, e)) return false;
    if (u->port == 0) u->port = ENGINE_PORT_DEFAULT;
    return true;
}

static bool parts_parse(span rest, engine_url *u, err *e)
{
    size_t at = 0;
    if (at_sign_find(rest, &at)) {
        if (!user_parse(span_of(rest.at, at), u, e)) return false;
        rest = span_tail(rest, at + 1);
    }
    size_t slash = 0;
    if (span_find(rest, span_text("/"), &slash)) {
        span db = span_tail(rest, slash + 1);
        uint64_t number = 0;
        if (db.size && (!span_to_u64(db, &number) || number > DB_MAX)) {
            return err_set(e, ERR_USAGE, "the database behind '/' is not a number up to %d",
                           DB_MAX);
        }
        u->db = (int)number;
        rest = span_of(rest.at, slash);
    }
    return host_parse(rest, u, e);
}

/* Behind the '?'; redis-py and others know more parts, a password among them. */
static bool query_parse(span query, engine_url *u, err *e)
{
    uint64_t number = 0;
    if (query.size == 0) return true;
    if (!span_starts(query, "db=")) return err_set(e, ERR_USAGE, "only 'db=' may stand behind '?'");
    if (!span_to_u64(span_tail(query, strlen("db=")), &number) || number > DB_MAX)
        return err_set(e, ERR_USAGE, "the database behind 'db=' is not a number up to %d", DB_MAX);
    u->db = (int)number;
    return true;
}

static bool path_parse(span path, engine_url *u, err *e)
{
    secret plain = {0};
    if (!percent_decode(path, &plain))
        return err_set(e, ERR_USAGE, "a '%%' in the path is not followed by two hex digits");
    span decoded = secret_span(&plain);
    bool has_nul = memchr(decoded.at, 0, decoded.size) != NULL;
    bool fits = decoded.size <= SOCKET_PATH_MAX;
    if (!has_nul && fits) u->host = mem_text(decoded);
    size_t size = decoded.size;
    secret_clear(&plain);
    if (has_nul) return err_set(e, ERR_USAGE, "the path holds a zero byte");
    if (fits) return true;
    return err_set(e, ERR_USAGE, "the path of a socket has %zu bytes, the system's limit is %zu",
                   size, SOCKET_PATH_MAX);
}

static bool socket_parse(span rest, engine_url *u, err *e)
{
    size_t at = 0;
    size_t from = 0;
    if (!span_starts(rest, "/")) { /* the last "@/" ends the user: a password may hold one */
        bool some = false;
        while (span_find(span_tail(rest, from), span_text("@/"), &at)) {
            some = true;
            from += at + 1;
        }
        if (!some) return err_set(e, ERR_USAGE, "a path begins with '/'");
        if (!user_parse(span_of(rest.at, from - 1), u, e)) return false;
        rest = span_tail(rest, from);
    }
    span path = rest;
    if (span_find(rest, span_text("?"), &at)) {
        path = span_of(rest.at, at);
        if (!query_parse(span_tail(rest, at + 1), u, e)) return false;
    }
    return path_parse(path, u, e);
}

/* As it stands, nothing is decoded: "file:dump.rdb", "file:/srv/dump.rdb", "file:///srv/dump.rdb".
 */
static bool file_parse(span rest, engine_url *u, err *e)
{
    if (span_starts(rest, "///")) rest = span_tail(rest, 2);
    if (rest.size == 0 || span_starts(rest, "//")) return err_set(e, ERR_USAGE, "no path");
    u->is_file = true;
    u->host = mem_text(rest);
    return true;
}

bool engine_url_parse(const char *text, engine_url *ret, err *e)
{
    engine_url u = {0};
    const scheme *s = NULL;
    for (size_t i = 0; i < COUNT_OF(schemes) && !s; i++)
        if (span_starts(span_text(text), schemes[i].name)) s = &schemes[i];
    u.tls = s && s->tls;
    bool good = s ? s->read(span_tail(span_text(text), strlen(s->name)), &u, e)
                  : err_set(e, ERR_USAGE, "it does not start with 'redis://'");
    if (!good) {
        engine_url_clear(&u);
        err_hint(e, "write it as %s", s ? s->form : FORM);
        return err_wrap(e, "not a server's URL");
    }
    *ret = u;
    return true;
}

void engine_url_clear(engine_url *u)
{
    free(u->host);
    free(u->user);
    free(u->asked);
    engine_login_unref(u->login);
    secret_clear(&u->password);
    for (size_t i = 0; i < ENGINE_TLS_COUNT; i++)
        free(u->tls_parts[i]);
    *u = (engine_url){0};
}

engine_url engine_url_copy(const engine_url *u)
{
    engine_url copy = {.port = u->port, .db = u->db, .tls = u->tls, .is_file = u->is_file};
    copy.host = mem_text(span_text(u->host));
    for (size_t i = 0; i < ENGINE_TLS_COUNT; i++)
        if (u->tls_parts[i]) copy.tls_parts[i] = mem_text(span_text(u->tls_parts[i]));
    if (u->user) copy.user = mem_text(span_text(u->user));
    if (u->asked) copy.asked = mem_text(span_text(u->asked));
    copy.login = engine_login_ref(u->login);
    if (u->password.at) secret_set(&copy.password, secret_span(&u->password));
    return copy;
}

/* Escaped where it would read as another part of the URL, so that what is shown parses again. */
static bool part_write(const char *part, const char *escaped, buf *out)
{
    bool fits = true;
    for (; *part && fits; part++) {
        fits = strchr(escaped, *part) ? buf_printf(out, "%%%02X", (unsigned char)*part)
                                      : buf_u8(out, (uint8_t)*part);
    }
    return fits;
}

static bool user_write(const char *user, buf *out)
{
    return part_write(user, "%:@/", out) && buf_u8(out, '@');
}

bool engine_url_is_socket(const engine_url *u)
{
    return u->host[0] == '/' && !u->is_file;
}

char *engine_url_place(const engine_url *u)
{
    char *place = NULL;
    if (engine_url_is_socket(u) || u->is_file) return mem_text(span_text(u->host));
    int size = asprintf(&place, "%s:%u", u->host, u->port);
    assert(size > 0);
    return place;
}

static bool socket_write(const engine_url *u, buf *out)
{
    return buf_text(out, "unix://") && (!u->user || user_write(u->user, out)) &&
           part_write(u->host, "%?@", out) && (!u->db || buf_printf(out, "?db=%d", u->db));
}

static bool address_write(const engine_url *u, buf *out)
{
    bool colons = strchr(u->host, ':') != NULL;
    return buf_text(out, u->tls ? "rediss://" : "redis://") &&
           (!u->user || user_write(u->user, out)) &&
           buf_printf(out, colons ? "[%s]:%u" : "%s:%u", u->host, u->port) &&
           (!u->db || buf_printf(out, "/%d", u->db));
}

char *engine_url_show(const engine_url *u)
{
    CLEANUP(buf_clear) buf out = buf_of(SHOWN_SIZE_MAX);
    bool fits = u->is_file                ? buf_text(&out, "file:") && buf_text(&out, u->host)
                : engine_url_is_socket(u) ? socket_write(u, &out)
                                          : address_write(u, &out);
    assert(fits);
    return mem_text(buf_span(&out));
}
