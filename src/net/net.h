/* net/net.h: sockets, wake-ups and turns of an event loop; it knows no protocol.
 *
 * A loop belongs to one thread, and so do its connections. Work is done in turns: net_loop_turn
 * waits until something happened (or the time is over) and only notes it; the owner then pumps the
 * connections it cares for. So there are no callbacks into the layers above.
 *
 * A connection owns two buffers with limits given at its making. `out`: append to it, then pump.
 * `in`: received and not yet eaten; when it is full the connection stops reading, and TCP tells
 * the other side (back-pressure). TLS is a filter inside the connection: nobody above asks. */
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

/* How the other side is known and who we are to it. Files are PEM. */
typedef struct {
    const char *ca;          /* a file, or a directory of hashed names; NULL: the system's */
    const char *certificate; /* ours, its chain behind it; NULL: none */
    const char *key;         /* of that certificate */
    const char *name;        /* asked for and checked instead of the host; NULL: the host */
} net_tls;

/* Why TLS did not come about, to branch on. */
typedef enum {
    NET_TLS_FINE,
    NET_TLS_UNKNOWN_CA,
    NET_TLS_EXPIRED,
    NET_TLS_NOT_YET,
    NET_TLS_NAME,         /* the certificate is for others */
    NET_TLS_CERTIFICATE,  /* anything else about the certificate of the other side */
    NET_TLS_OLD,          /* nothing from TLS 1.2 on */
    NET_TLS_NO_CIPHER,    /* nothing in common */
    NET_TLS_PLAIN,        /* the other side does not speak TLS */
    NET_TLS_OURS_WANTED,  /* a client certificate is asked for */
    NET_TLS_OURS_REFUSED, /* the client certificate was not taken */
    NET_TLS_BROKEN,       /* closed or reset in the handshake */
    NET_TLS_SILENT,       /* no answer in time */
    NET_TLS_OTHER
} net_tls_problem;

/* What the handshake showed, for people. Empty where it did not come that far. */
typedef struct {
    net_tls_problem problem;
    char version[16]; /* "TLSv1.3" */
    char cipher[48];
    char subject[128]; /* of the certificate of the other side */
    char issuer[128];
    char names[256];      /* "DNS:a.example, IP:10.0.0.7" */
    char expires[24];     /* "2027-01-31 12:00 UTC" */
    unsigned chain_count; /* certificates that were sent or found, up to the trusted one */
} net_tls_facts;

/* How far an opening came. */
typedef enum { NET_STAGE_NAME, NET_STAGE_CONNECT, NET_STAGE_TLS, NET_STAGE_OPEN } net_stage;

typedef struct {
    net_stage stage;     /* the one that failed; NET_STAGE_OPEN: none */
    int connect_problem; /* errno of the last address tried; 0: none, ETIMEDOUT: no answer */
    int64_t entered_ns[NET_STAGE_OPEN + 1]; /* when each began; 0: it did not */
    char addresses[256];                    /* what the name means: "10.0.0.7, 10.0.1.7" */
    net_tls_facts tls;
} net_trace;

typedef struct {
    const char *host; /* a name, an address, or the path of a Unix socket (starts with '/') */
    uint16_t port;
    size_t in_max;      /* bytes received and not yet eaten */
    size_t out_max;     /* bytes appended and not yet sent */
    const net_tls *tls; /* NULL: plain */
    net_trace *trace;   /* NULL: not wanted; filled also when the opening fails */
} net_target;

/* Resolves (in libuv's thread pool), connects, tries every address, shakes hands. Takes turns of
 * the loop until done or the deadline. ERR_IO, ERR_TIMEOUT or ERR_TLS name host, port and cause. */
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

/* NULL: the connection is plain. A server may refuse our certificate after the handshake: then the
 * problem is set when the connection ends. */
const net_tls_facts *net_conn_tls(const net_conn *c);

/* "127.0.0.1:6379": the address that answered. Valid as long as the connection. */
const char *net_conn_peer(const net_conn *c);
/* When the last byte was sent or received, or the connection was made. */
int64_t net_conn_moved_ns(const net_conn *c);
/* Whether the peer is this machine by a loopback address or a Unix socket. */
bool net_conn_is_local(const net_conn *c);
