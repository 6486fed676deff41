/* net/tls.h: TLS as a filter between the buffers of a connection and its socket.
 *
 * It is made for one connection on one thread; contexts are not shared, so there is no state
 * outside of it but what the library keeps for itself. The certificate of the other side is always
 * checked: its chain against the trusted ones, its dates, its names against the name that was
 * meant. Below TLS 1.2 nothing is spoken; renegotiation is refused (RFC 5246 7.4.1.1 allows it). */
#pragma once
#include "net/io.h"
#include "net/net.h"

typedef struct tls tls;

/* Reads the files of the options (ERR_USAGE names the one that cannot be used). The descriptor
 * stays the caller's. `host`: what the certificate must be for, unless the options name it. */
bool tls_new(const net_tls *options, const char *host, int fd, tls **ret, err *e) MUST_CHECK;
void tls_free(tls *t); /* NULL is fine */

/* IO_MOVED: done; the filter carries bytes from now on. A failure is of kind ERR_TLS, or ERR_IO
 * when the connection broke. */
io_result tls_handshake(tls *t, err *e);
const net_tls_facts *tls_facts(const tls *t); /* after the handshake, and after one that failed */

io_result tls_read(tls *t, void *at, size_t size, size_t *ret, err *e);
io_result tls_write(tls *t, const void *at, size_t size, size_t *ret, err *e);
/* Bytes may be inside that no readable socket will announce: the last read did not find the end. */
bool tls_may_hold(const tls *t);
