/* net/resolve.h: a host and port into socket addresses, in libuv's thread pool. */
#pragma once
#include <netdb.h>

#include "net/loop.h"

/* Takes turns of the loop until resolved or the deadline. The list is freed with uv_freeaddrinfo.
 */
bool resolve_run(net_loop *l,
                 const char *host,
                 uint16_t port,
                 int64_t deadline_ns,
                 struct addrinfo **ret,
                 err *e) MUST_CHECK;
