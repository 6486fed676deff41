/* One connection: TLS on the client's side, plain on the engine's, passwords exchanged between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sandbox/relay_internal.h"

static int engine_connect_to(const char *node)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "nodes/%s/admin.sock", node);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    (void)close(fd);
    return -1;
}

relay_conn *relay_conn_new(relay_place *place, const relay_keys *keys, int client)
{
    int engine = engine_connect_to(place->node);
    SSL *tls = engine >= 0 ? SSL_new(place->tls) : NULL;
    if (!tls || SSL_set_fd(tls, client) != 1) {
        SSL_free(tls);
        if (engine >= 0) (void)close(engine);
        (void)close(client);
        return NULL;
    }
    relay_conn *c = mem_alloc(sizeof *c);
    *c = (relay_conn){.place = place, .keys = keys, .tls = tls, .client = client, .engine = engine};
    c->to_engine = buf_of(4 * RELAY_WAITING_MAX);
    c->to_client = buf_of(2 * RELAY_WAITING_MAX);
    wire_init(&c->wire);
    SSL_set_accept_state(tls);
    return c;
}

void relay_conn_free(relay_conn *c)
{
    if (c->shaken) (void)SSL_shutdown(c->tls); /* one way: nobody is waited for */
    SSL_free(c->tls);
    (void)close(c->client);
    (void)close(c->engine);
    wire_clear(&c->wire);
    buf_wipe(&c->to_engine);
    buf_clear(&c->to_client);
    free(c);
}

/* --- logins ---------------------------------------------------------------------------------- */

static bool is_iam_user(const relay_place *p, span user)
{
    char word[64];
    int size =
        snprintf(word, sizeof word, " %.*s ", (int)size_min(user.size, 60), (const char *)user.at);
    size_t at = 0;
    return size > 2 && user.size <= 60 && !memchr(user.at, ' ', user.size) &&
           span_find(span_text(p->users), span_text(word), &at);
}

/* The engine's own password for a token, and for what is none something that is no password: so the
 * engine itself refuses, in its place among the answers. */
static span login(void *context, span user, span password)
{
    relay_conn *c = context;
    err e = {0};
    const iam_keys keys = {c->keys->access_key_id, c->keys->secret_key, c->keys->region,
                           c->place->cache};
    if (!is_iam_user(c->place, user)) return password;
    if (!iam_check(&keys, user, password, clock_wall_ms(), &e)) {
        log_info("sandbox: %s: the login of IAM user '%s' is refused: %s", c->place->node,
                 span_show(user).text, e.text);
        return span_text("-");
    }
    c->ends_ns = deadline_in_ms(c->keys->life_ms);
    return span_text(c->keys->engine_password);
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* How a call of the library ended; false: the client is gone. */
static bool tls_waits(relay_conn *c, int got)
{
    int why = SSL_get_error(c->tls, got);
    ERR_clear_error();
    c->client_blocks = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

/* From the client, through the wire. */
static bool client_read(relay_conn *c, bool *ret_moved)
{
    uint8_t bytes[RELAY_PIECE];
    if (c->to_engine.size >= RELAY_WAITING_MAX || c->client_over) return true;
    int got = SSL_read(c->tls, bytes, (int)sizeof bytes);
    if (got <= 0) {
        c->client_over = !tls_waits(c, got);
        return true;
    }
    *ret_moved = true;
    bool fits = wire_feed(&c->wire, span_of(bytes, (size_t)got), login, c, &c->to_engine);
    explicit_bzero(bytes, (size_t)got);
    return fits;
}

static bool client_write(relay_conn *c, bool *ret_moved)
{
    if (c->to_client.size == 0) return true;
    int got = SSL_write(c->tls, c->to_client.at, (int)size_min(c->to_client.size, RELAY_PIECE));
    if (got <= 0) return tls_waits(c, got);
    c->client_blocks = false;
    *ret_moved = true;
    buf_drop(&c->to_client, (size_t)got);
    return true;
}

static bool engine_read(relay_conn *c, bool *ret_moved)
{
    uint8_t bytes[RELAY_PIECE];
    if (c->to_client.size >= RELAY_WAITING_MAX || c->engine_over) return true;
    ssize_t got = recv(c->engine, bytes, sizeof bytes, 0);
    if (got > 0) {
        *ret_moved = true;
        return buf_append(&c->to_client, span_of(bytes, (size_t)got));
    }
    c->engine_over = got == 0 || (errno != EAGAIN && errno != EINTR);
    return true;
}

static bool engine_write(relay_conn *c, bool *ret_moved)
{
    if (c->to_engine.size == 0 || c->engine_over) return true;
    ssize_t got = send(c->engine, c->to_engine.at, c->to_engine.size, MSG_NOSIGNAL);
    if (got > 0) {
        *ret_moved = true;
        explicit_bzero(c->to_engine.at, (size_t)got);
        buf_drop(&c->to_engine, (size_t)got);
        return true;
    }
    c->engine_over = errno != EAGAIN && errno != EINTR;
    return true;
}

static bool shake(relay_conn *c)
{
    if (c->shaken) return true;
    int got = SSL_do_handshake(c->tls);
    c->shaken = got == 1;
    return c->shaken || tls_waits(c, got);
}

bool relay_conn_pump(relay_conn *c)
{
    if (!c->place || (c->ends_ns && clock_ns() >= c->ends_ns)) return false;
    if (c->place->frozen) return true;
    if (!shake(c)) return false;
    for (bool moved = c->shaken; moved;) {
        moved = false;
        if (!client_read(c, &moved) || !engine_write(c, &moved) || !engine_read(c, &moved) ||
            !client_write(c, &moved))
            return false;
    }
    /* What the engine said last is still handed over, and so is what the client did. */
    bool done = (c->engine_over && c->to_client.size == 0) ||
                (c->client_over && (c->to_engine.size == 0 || c->engine_over));
    return !done;
}

short relay_conn_client_events(const relay_conn *c)
{
    bool reads = !c->client_over && c->to_engine.size < RELAY_WAITING_MAX;
    return (short)((reads ? POLLIN : 0) | (c->client_blocks ? POLLOUT : 0));
}

short relay_conn_engine_events(const relay_conn *c)
{
    bool reads = c->shaken && !c->engine_over && c->to_client.size < RELAY_WAITING_MAX;
    return (short)((reads ? POLLIN : 0) | (c->to_engine.size && !c->engine_over ? POLLOUT : 0));
}
