/* net/net.h: sockets, wake-ups and turns of an event loop; it knows no protocol.
 *
 * A loop belongs to one thread, and so do its connections. Work is done in turns: net_loop_turn
 * waits until something happened (or the time is over) and only notes it; the owner then pumps the
 * connections it cares for. So there are no callbacks into the layers above.
 *
 * A connection owns two buffers with limits given at its making. `out`: append to it, then pump.
 * `in`: received and not yet eaten; when it is full the connection stops reading, and TCP tells
 * the other side (back-pressure). TLS will be a filter inside the connection: nobody above asks. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

typedef struct net_loop net_loop;
typedef struct net_conn net_conn;
typedef struct net_wake net_wake;

net_loop *net_loop_new(void);
void net_loop_free(net_loop *l); /* connections and wakes must be freed before */
/* One turn: until something happened on the loop, `timeout_ms` at most (0: only look). */
void net_loop_turn(net_loop *l, int timeout_ms);

/* Ends the loop's current or next turn; may be sent from any thread. */
net_wake *net_wake_new(net_loop *l);
void net_wake_send(net_wake *w);
void net_wake_free(net_wake *w); /* on the loop's thread */

typedef struct {
    const char *host; /* a name, an address, or the path of a Unix socket (starts with '/') */
    uint16_t port;
    size_t in_max;  /* bytes received and not yet eaten */
    size_t out_max; /* bytes appended and not yet sent */
} net_target;

/* Resolves (in libuv's thread pool), connects, tries every address. Takes turns of the loop until
 * done or the deadline. ERR_IO or ERR_TIMEOUT name the host, port and cause. */
bool net_conn_open(
    net_loop *l, const net_target *target, int64_t deadline_ns, net_conn **ret, err *e) MUST_CHECK;
void net_conn_free(net_conn *c); /* closes; NULL is fine */

buf *net_conn_out(net_conn *c);
span net_conn_in(const net_conn *c);
void net_conn_eat(net_conn *c, size_t size); /* the first bytes of `in` go */

/* Sends what is pending and receives what is there, never waiting. False: the connection is gone
 * (ERR_IO; what was received before stays readable). */
bool net_conn_pump(net_conn *c, err *e) MUST_CHECK;
/* Pump, a turn of the loop if nothing moved, pump. */
bool net_conn_turn(net_conn *c, int timeout_ms, err *e) MUST_CHECK;
/* While true nothing is received (the owner has no room behind it). */
void net_conn_hold_reading(net_conn *c, bool hold);

/* "127.0.0.1:6379": the address that answered. Valid as long as the connection. */
const char *net_conn_peer(const net_conn *c);
/* Whether the peer is this machine by a loopback address or a Unix socket. */
bool net_conn_is_local(const net_conn *c);
