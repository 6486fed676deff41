/* sandbox/dns.h: answers questions for the names of the caches, on a loopback port (UDP).
 *
 * `dns_answer` is pure: a question in, an answer out. A names have their address, any other type of
 * a known name has no records, unknown names do not exist; other zones are refused. RFC 1035. */
#pragma once
#include "base/buf.h"
#include "sandbox/state.h"

#define DNS_MESSAGE_MAX ((size_t)512)
#define DNS_TTL_S 5
#define DNS_ADDRESSES_MAX 8

typedef struct {
    size_t count;
    uint8_t at[DNS_ADDRESSES_MAX][4];
} dns_addresses;

/* False: the name does not exist. `name` is in small letters, without the last dot. */
typedef bool dns_lookup(void *context, const char *name, dns_addresses *ret);

/* False: no answer is due (it is no question). `out` is emptied first. */
bool dns_answer(span message, dns_lookup *lookup, void *context, buf *out) MUST_CHECK;
/* The names of this sandbox's caches; takes the lock. */
bool dns_lookup_cache(void *context, const char *name, dns_addresses *ret);

typedef struct dns_server dns_server;
/* *port 0: a free one, told. */
bool dns_server_start(sandbox *s, uint16_t *port, dns_server **ret, err *e) MUST_CHECK;
void dns_server_stop(dns_server *d); /* NULL is fine */
