#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/io.h"
#include "net/resolve.h"
#include "net/tls.h"

/* One pump receives at most this much, so that a fast sender cannot keep a turn for itself. */
#define PUMP_RECEIVE_MAX (4 * MIB)
/* A Unix socket whose server accepts nobody just now cannot be waited for: it is asked again. */
#define QUEUE_RETRY_MS 10
/* Compaction of `in` is put off until this much has been eaten. */
#define EATEN_KEEP_MAX (256 * KIB)

struct net_conn {
    uv_poll_t poll;
    net_loop *loop;
    int fd;
    tls *tls;    /* NULL: plain */
    int watched; /* the events the poll handle is started with */
    buf in;
    size_t eaten; /* bytes of `in` already consumed */
    buf out;
    size_t sent; /* bytes of `out` already sent */
    bool held;   /* the owner has no room */
    bool gone;   /* no further byte will come or go */
    bool local;
    bool moved; /* the last pump sent or received something */
    int64_t moved_ns;
    io_result reading; /* how the last read and the last write ended: a filter may */
    io_result writing; /* want the other direction of the socket */
    err cause;         /* of being gone */
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

static void watch_for(net_conn *c, int want)
{
    if (want == c->watched) return;
    int failed = want ? uv_poll_start(&c->poll, want, event_came) : uv_poll_stop(&c->poll);
    assert(!failed);
    c->watched = want;
}

/* Watches for what can be used: reading only with room, writing only with something to send. What a
 * filter holds inside makes no socket readable: that this one can be written ends the turn. */
static void watch(net_conn *c)
{
    bool room = c->in.size - c->eaten < c->in.max;
    bool read = !c->gone && !c->held && room;
    bool write = !c->gone && c->sent < c->out.size;
    bool inside = c->tls && tls_may_hold(c->tls);
    int want = 0;
    if (read) want |= c->reading == IO_WANTS_WRITE ? UV_WRITABLE : UV_READABLE;
    if (read && inside) want |= UV_WRITABLE;
    if (write) want |= c->writing == IO_WANTS_READ ? UV_READABLE : UV_WRITABLE;
    watch_for(c, want);
}

static void set_option(int fd, int level, int name, int value)
{
    /* Only comfort: a socket without keep-alive or with Nagle still carries bytes. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

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
                            net_trace *trace,
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
    while (problem == EAGAIN &&
           deadline_left_ms(deadline_ns) > 0) { /* a Unix socket's full queue */
        net_loop_turn(l, QUEUE_RETRY_MS);
        problem = connect(fd, address, size) < 0 ? errno : 0;
    }
    if (problem == EINPROGRESS) problem = connect_wait(l, fd, deadline_ns);
    trace->connect_problem = problem < 0 ? ETIMEDOUT : problem;
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
    c->moved_ns = clock_ns();
    c->in = buf_of(target->in_max);
    c->out = buf_of(target->out_max);
    peer_note(c, target, address);
    int failed = uv_poll_init(&l->uv, &c->poll, fd);
    assert(!failed);
    c->poll.data = c;
    return c;
}

static void stage_enter(net_trace *trace, net_stage stage)
{
    trace->stage = stage;
    trace->entered_ns[stage] = clock_ns();
}

static bool unix_connect(net_loop *l,
                         const net_target *target,
                         int64_t deadline_ns,
                         net_trace *trace,
                         net_conn **ret,
                         err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(target->host) >= sizeof address.sun_path)
        return err_set(e, ERR_USAGE, "the path of the socket '%s' is too long", target->host);
    memcpy(address.sun_path, target->host, strlen(target->host));
    struct sockaddr generic;
    memcpy(&generic, &address, sizeof generic);
    int fd = -1;
    stage_enter(trace, NET_STAGE_CONNECT);
    /* The kernel reads the whole address: hand over the full one. */
    if (!address_connect(l, (const struct sockaddr *)(const void *)&address, sizeof address,
                         deadline_ns, trace, &fd, e))
        return false;
    *ret = conn_make(l, target, fd, &generic);
    return true;
}

/* "10.0.0.7, 10.0.1.7"; what does not fit is left out. */
static void addresses_note(net_trace *trace, const struct addrinfo *found)
{
    size_t used = 0;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        char one[INET6_ADDRSTRLEN];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, one, sizeof one, NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        if (used + strlen(one) + sizeof ", " > sizeof trace->addresses) return;
        used += (size_t)snprintf(trace->addresses + used, sizeof trace->addresses - used, "%s%s",
                                 used ? ", " : "", one);
    }
}

static bool host_connect(net_loop *l,
                         const net_target *target,
                         int64_t deadline_ns,
                         net_trace *trace,
                         net_conn **ret,
                         err *e)
{
    struct addrinfo *found = NULL;
    stage_enter(trace, NET_STAGE_NAME);
    if (!resolve_run(l, target->host, target->port, deadline_ns, &found, e)) return false;
    addresses_note(trace, found);
    stage_enter(trace, NET_STAGE_CONNECT);
    bool done = err_set(e, ERR_IO, "no address");
    for (struct addrinfo *a = found; a && !done; a = a->ai_next) {
        int fd = -1;
        done = address_connect(l, a->ai_addr, a->ai_addrlen, deadline_ns, trace, &fd, e);
        if (done) *ret = conn_make(l, target, fd, a->ai_addr);
    }
    uv_freeaddrinfo(found);
    return done;
}

/* Puts the filter in and takes turns until both sides have agreed. */
static bool
conn_secure(net_conn *c, const net_target *target, int64_t deadline_ns, net_trace *trace, err *e)
{
    assert(c);
    stage_enter(trace, NET_STAGE_TLS);
    if (!tls_new(target->tls, target->host, c->fd, &c->tls, e)) return false;
    io_result r = tls_handshake(c->tls, e);
    while (r != IO_MOVED && r != IO_FAILED && deadline_left_ms(deadline_ns) > 0) {
        watch_for(c, r == IO_WANTS_WRITE ? UV_WRITABLE : UV_READABLE);
        net_loop_turn(c->loop, deadline_left_ms(deadline_ns));
        r = tls_handshake(c->tls, e);
    }
    trace->tls = *tls_facts(c->tls);
    if (r == IO_MOVED || r == IO_FAILED) return r == IO_MOVED;
    trace->tls.problem = NET_TLS_SILENT;
    return err_set(e, ERR_TIMEOUT, "TLS: no answer to the handshake in time");
}

bool net_conn_open(
    net_loop *l, const net_target *target, int64_t deadline_ns, net_conn **ret, err *e)
{
    net_trace unwanted = {0};
    net_trace *trace = target->trace ? target->trace : &unwanted;
    net_conn *c = NULL;
    bool local = target->host[0] == '/';
    *trace = (net_trace){.stage = NET_STAGE_NAME};
    bool done = local ? unix_connect(l, target, deadline_ns, trace, &c, e)
                      : host_connect(l, target, deadline_ns, trace, &c, e);
    done = done && (!target->tls || conn_secure(c, target, deadline_ns, trace, e));
    if (done) {
        stage_enter(trace, NET_STAGE_OPEN);
        watch(c);
        *ret = c;
        return true;
    }
    net_conn_free(c);
    if (trace->stage == NET_STAGE_NAME || e->kind == ERR_USAGE) return false;
    if (local) return err_wrap(e, "'%s'", target->host);
    return err_wrap(e, "'%s:%u'", target->host, target->port);
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
    tls_free(c->tls);
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
    bool full = c->in.size - c->eaten == c->in.max;
    c->eaten += size;
    if (c->eaten == c->in.size) c->eaten = c->in.size = 0;
    if (full) watch(c); /* there is room again */
}

static bool conn_gone(net_conn *c, err *e)
{
    *e = c->cause;
    return false;
}

/* How a read or write ended that leaves nothing to do; `why`: of a failed one. */
static bool conn_end(net_conn *c, io_result how, const err *why)
{
    c->gone = true;
    if (how == IO_CLOSED) {
        (void)err_set(&c->cause, ERR_IO, "connection to '%s': closed by the other side", c->peer);
        return false;
    }
    c->cause = *why;
    return err_wrap(&c->cause, "connection to '%s'", c->peer);
}

static bool send_pending(net_conn *c)
{
    c->writing = IO_MOVED;
    while (c->sent < c->out.size && c->writing == IO_MOVED) {
        const uint8_t *at = c->out.at + c->sent;
        size_t left = c->out.size - c->sent;
        size_t n = 0;
        err why = {0};
        c->writing = c->tls ? tls_write(c->tls, at, left, &n, &why)
                            : socket_write(c->fd, at, left, &n, &why);
        if (c->writing == IO_CLOSED || c->writing == IO_FAILED)
            return conn_end(c, c->writing, &why);
        c->sent += n;
        if (n) c->moved = true;
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
        uint8_t *at = c->in.at + c->in.size;
        size_t n = 0;
        err why = {0};
        c->reading =
            c->tls ? tls_read(c->tls, at, room, &n, &why) : socket_read(c->fd, at, room, &n, &why);
        if (c->reading == IO_WANTS_READ || c->reading == IO_WANTS_WRITE) return true;
        if (c->reading != IO_MOVED) return conn_end(c, c->reading, &why);
        c->in.size += n;
        received += n;
        c->moved = true;
        if (!c->tls && n < room) return true; /* the socket is empty */
    }
    return true;
}

bool net_conn_pump(net_conn *c, err *e)
{
    c->moved = false;
    if (c->gone) return conn_gone(c, e);
    bool sent = send_pending(c);
    bool received = receive_there(c); /* also when nothing can be sent: the last words say why */
    if (c->moved) c->moved_ns = clock_ns();
    watch(c);
    if (!(sent && received) && c->in.size == c->eaten) return conn_gone(c, e);
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

const net_tls_facts *net_conn_tls(const net_conn *c)
{
    return c->tls ? tls_facts(c->tls) : NULL;
}

const char *net_conn_peer(const net_conn *c)
{
    return c->peer;
}

int64_t net_conn_moved_ns(const net_conn *c)
{
    return c->moved_ns;
}

bool net_conn_is_local(const net_conn *c)
{
    return c->local;
}
