#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/resolve.h"

/* One pump receives at most this much, so that a fast sender cannot keep a turn for itself. */
#define PUMP_RECEIVE_MAX (4 * MIB)
/* Compaction of `in` is put off until this much has been eaten. */
#define EATEN_KEEP_MAX (256 * KIB)

struct net_conn {
    uv_poll_t poll;
    net_loop *loop;
    int fd;
    int watched; /* the events the poll handle is started with */
    buf in;
    size_t eaten; /* bytes of `in` already consumed */
    buf out;
    size_t sent; /* bytes of `out` already sent */
    bool held;   /* the owner has no room */
    bool gone;   /* no further byte will come or go */
    bool local;
    bool moved; /* the last pump sent or received something */
    err cause;  /* of being gone */
    char peer[128];
};

static void event_came(uv_poll_t *poll, int status, int events)
{
    (void)events; /* the owner pumps after the turn */
    if (status >= 0) return;
    net_conn *c = poll->data;
    c->watched = 0; /* an error on the socket: the next pump reads it */
    (void)uv_poll_stop(poll);
}

/* Watches for what can be used: reading only with room, writing only with something to send. */
static void watch(net_conn *c)
{
    bool room = c->in.size - c->eaten < c->in.max;
    int want = c->gone ? 0 : c->held || !room ? 0 : UV_READABLE;
    if (!c->gone && c->sent < c->out.size) want |= UV_WRITABLE;
    if (want == c->watched) return;
    int failed = want ? uv_poll_start(&c->poll, want, event_came) : uv_poll_stop(&c->poll);
    assert(!failed);
    c->watched = want;
}

static void set_option(int fd, int level, int name, int value)
{
    /* Only comfort: a socket without keep-alive or with Nagle still carries bytes. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static bool address_connect(net_loop *l,
                            const struct sockaddr *address,
                            socklen_t size,
                            int64_t deadline_ns,
                            int *ret_fd,
                            err *e);

typedef struct {
    uv_poll_t poll;
    bool ready;
} connecting;

static void connect_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    ((connecting *)poll->data)->ready = true;
}

static void connecting_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Waits until the socket is connected or has an error; -1 when the deadline came first. */
static int connect_wait(net_loop *l, int fd, int64_t deadline_ns)
{
    connecting *w = mem_alloc(sizeof *w);
    int failed = uv_poll_init(&l->uv, &w->poll, fd);
    assert(!failed);
    w->poll.data = w;
    failed = uv_poll_start(&w->poll, UV_WRITABLE, connect_ready);
    assert(!failed);
    while (!w->ready && deadline_left_ms(deadline_ns) > 0)
        net_loop_turn(l, deadline_left_ms(deadline_ns));
    bool ready = w->ready;
    (void)uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, connecting_closed);
    net_loop_turn(l, 0); /* the poll handle lets go of the descriptor before anyone reuses it */
    if (!ready) return -1;
    int problem = 0;
    socklen_t size = sizeof problem;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0 ? errno : problem;
}

static bool address_connect(net_loop *l,
                            const struct sockaddr *address,
                            socklen_t size,
                            int64_t deadline_ns,
                            int *ret_fd,
                            err *e)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_sys(e, errno, "socket");
    if (address->sa_family != AF_UNIX) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 20);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    }
    int problem = connect(fd, address, size) < 0 ? errno : 0;
    if (problem == EINPROGRESS) problem = connect_wait(l, fd, deadline_ns);
    if (problem == 0) {
        *ret_fd = fd;
        return true;
    }
    (void)close(fd); /* nothing was written to it */
    if (problem < 0) return err_set(e, ERR_TIMEOUT, "connect: no answer in time");
    return err_sys(e, problem, "connect");
}

static void peer_note(net_conn *c, const net_target *target, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_UNIX) {
        c->local = true;
        (void)snprintf(c->peer, sizeof c->peer, "%s", target->host);
        return;
    }
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        c->local = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
        (void)inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text); /* the buffer is large enough */
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        c->local = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
    bool colons = address->sa_family == AF_INET6;
    (void)snprintf(c->peer, sizeof c->peer, colons ? "[%s]:%u" : "%s:%u", text, target->port);
}

static net_conn *
conn_make(net_loop *l, const net_target *target, int fd, const struct sockaddr *address)
{
    net_conn *c = mem_alloc(sizeof *c);
    c->loop = l;
    c->fd = fd;
    c->in = buf_of(target->in_max);
    c->out = buf_of(target->out_max);
    peer_note(c, target, address);
    int failed = uv_poll_init(&l->uv, &c->poll, fd);
    assert(!failed);
    c->poll.data = c;
    watch(c);
    return c;
}

static bool
unix_open(net_loop *l, const net_target *target, int64_t deadline_ns, net_conn **ret, err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(target->host) >= sizeof address.sun_path)
        return err_set(e, ERR_USAGE, "the socket path '%s' is too long", target->host);
    memcpy(address.sun_path, target->host, strlen(target->host));
    struct sockaddr generic;
    memcpy(&generic, &address, sizeof generic);
    int fd = -1;
    /* The kernel reads the whole address: hand over the full one. */
    if (!address_connect(l, (const struct sockaddr *)(const void *)&address, sizeof address,
                         deadline_ns, &fd, e))
        return err_wrap(e, "'%s'", target->host);
    *ret = conn_make(l, target, fd, &generic);
    return true;
}

bool net_conn_open(
    net_loop *l, const net_target *target, int64_t deadline_ns, net_conn **ret, err *e)
{
    if (target->host[0] == '/') return unix_open(l, target, deadline_ns, ret, e);
    struct addrinfo *found = NULL;
    if (!resolve_run(l, target->host, target->port, deadline_ns, &found, e)) return false;
    bool done = err_set(e, ERR_IO, "no address");
    for (struct addrinfo *a = found; a && !done; a = a->ai_next) {
        int fd = -1;
        done = address_connect(l, a->ai_addr, a->ai_addrlen, deadline_ns, &fd, e);
        if (done) *ret = conn_make(l, target, fd, a->ai_addr);
    }
    uv_freeaddrinfo(found);
    if (!done) return err_wrap(e, "'%s:%u'", target->host, target->port);
    return true;
}

static void conn_closed(uv_handle_t *handle)
{
    net_conn *c = handle->data;
    buf_clear(&c->in);
    buf_clear(&c->out);
    free(c);
}

void net_conn_free(net_conn *c)
{
    if (!c) return;
    (void)uv_poll_stop(&c->poll);
    int fd = c->fd;
    uv_close((uv_handle_t *)&c->poll, conn_closed);
    (void)close(fd); /* what was not sent is not wanted any more */
}

buf *net_conn_out(net_conn *c)
{
    return &c->out;
}

span net_conn_in(const net_conn *c)
{
    return span_tail(buf_span(&c->in), c->eaten);
}

void net_conn_eat(net_conn *c, size_t size)
{
    assert(size <= c->in.size - c->eaten);
    c->eaten += size;
    if (c->eaten == c->in.size) c->eaten = c->in.size = 0;
}

static bool conn_gone(net_conn *c, err *e)
{
    *e = c->cause;
    return false;
}

static bool conn_end(net_conn *c, int problem)
{
    c->gone = true;
    if (problem) {
        (void)err_sys(&c->cause, problem, "connection to '%s'", c->peer);
    } else {
        (void)err_set(&c->cause, ERR_IO, "connection to '%s': closed by the other side", c->peer);
    }
    return false;
}

static bool send_pending(net_conn *c)
{
    while (c->sent < c->out.size) {
        ssize_t n = send(c->fd, c->out.at + c->sent, c->out.size - c->sent, MSG_NOSIGNAL);
        int problem = n < 0 ? errno : 0;
        if (problem == EINTR) continue;
        if (problem == EAGAIN) break;
        if (problem) return conn_end(c, problem);
        c->sent += (size_t)n;
        c->moved = true;
    }
    /* The sent front is given back when it is the larger part, so a byte moves at most once. */
    if (c->sent >= c->out.size - c->sent) {
        buf_drop(&c->out, c->sent);
        c->sent = 0;
    }
    return true;
}

/* Room at the end of `in`: the eaten front is given back when it pays. */
static size_t receive_room(net_conn *c)
{
    size_t left = c->in.size - c->eaten;
    if (left >= c->in.max) return 0;
    if (c->eaten >= EATEN_KEEP_MAX || c->in.size == c->in.max) {
        buf_drop(&c->in, c->eaten);
        c->eaten = 0;
    }
    size_t want = size_min(c->in.max - c->in.size, 64 * KIB);
    if (!buf_reserve(&c->in, want)) return 0;
    return c->in.capacity - c->in.size;
}

static bool receive_there(net_conn *c)
{
    size_t received = 0;
    while (!c->held && received < PUMP_RECEIVE_MAX) {
        size_t room = receive_room(c);
        if (room == 0) return true;
        ssize_t n = recv(c->fd, c->in.at + c->in.size, room, 0);
        int problem = n < 0 ? errno : 0;
        if (problem == EINTR) continue;
        if (problem == EAGAIN) return true;
        if (problem || n == 0) return conn_end(c, problem);
        c->in.size += (size_t)n;
        received += (size_t)n;
        c->moved = true;
        if ((size_t)n < room) return true; /* the socket is empty */
    }
    return true;
}

bool net_conn_pump(net_conn *c, err *e)
{
    c->moved = false;
    if (c->gone) return conn_gone(c, e);
    bool alive = send_pending(c) && receive_there(c);
    watch(c);
    if (!alive && c->in.size == c->eaten) return conn_gone(c, e);
    return true; /* what was received before the end is handed over first */
}

bool net_conn_turn(net_conn *c, int timeout_ms, err *e)
{
    if (!net_conn_pump(c, e)) return false;
    if (c->moved && net_conn_in(c).size > 0) return true;
    if (c->gone) return conn_gone(c, e);
    net_loop_turn(c->loop, timeout_ms);
    return net_conn_pump(c, e);
}

void net_conn_hold_reading(net_conn *c, bool hold)
{
    c->held = hold;
    watch(c);
}

const char *net_conn_peer(const net_conn *c)
{
    return c->peer;
}

bool net_conn_is_local(const net_conn *c)
{
    return c->local;
}
