#include "engine/endpoint.h"

#define ZONE ".cache.amazonaws.com"
#define ZONE_CHINA ".cache.amazonaws.com.cn"

/* The first row whose beginning and part are in the name. Longest forms first. */
static const struct {
    const char *begins; /* NULL: anything */
    const char *holds;
    endpoint means;
} forms[] = {
    {NULL, ".public.serverless.", {ENDPOINT_SERVERLESS, true, true, "public serverless endpoint"}},
    {NULL, ".serverless.", {ENDPOINT_SERVERLESS, true, true, "serverless endpoint"}},
    {"master.",
     NULL,
     {ENDPOINT_PRIMARY, true, true, "primary endpoint, cluster mode disabled, with TLS"}},
    {"primary.",
     NULL,
     {ENDPOINT_PRIMARY, true, true, "primary endpoint, cluster mode disabled, with TLS"}},
    {"replica.",
     NULL,
     {ENDPOINT_READER, true, true, "reader endpoint, cluster mode disabled, with TLS"}},
    {"clustercfg.",
     NULL,
     {ENDPOINT_CONFIGURATION, true, true,
      "configuration endpoint, cluster mode enabled, with TLS"}},
    {NULL,
     ".clustercfg.",
     {ENDPOINT_CONFIGURATION, true, false,
      "configuration endpoint, cluster mode enabled, without TLS"}},
    {NULL,
     "-ro.",
     {ENDPOINT_READER, true, false, "reader endpoint, cluster mode disabled, without TLS"}},
    {NULL,
     ".ng.0001.",
     {ENDPOINT_PRIMARY, true, false, "primary endpoint, cluster mode disabled, without TLS"}},
    {NULL, ".0001.", {ENDPOINT_NODE, true, false, "endpoint of one node, without TLS"}},
    {NULL, NULL, {ENDPOINT_NODE, true, true, "endpoint of one node, with TLS"}},
};

static bool ends_with(span s, const char *end)
{
    size_t size = strlen(end);
    return s.size > size && span_is(span_tail(s, s.size - size), end);
}

endpoint endpoint_read(const char *host)
{
    static const endpoint other = {ENDPOINT_OTHER, false, false, "no name of ElastiCache"};
    static const endpoint socket = {ENDPOINT_SOCKET, false, false, "a Unix socket of this machine"};
    if (host[0] == '/') return socket;
    span name = span_text(host);
    if (name.size && name.at[name.size - 1] == '.') name.size--;
    if (!ends_with(name, ZONE) && !ends_with(name, ZONE_CHINA)) return other;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t at = 0;
        if (forms[i].begins && !span_starts(name, forms[i].begins)) continue;
        if (forms[i].holds && !span_find(name, span_text(forms[i].holds), &at)) continue;
        return forms[i].means;
    }
    return other;
}

bool endpoint_cache(const char *host, span *ret)
{
    endpoint p = endpoint_read(host);
    span rest = span_text(host);
    span first;
    span second;
    if (!p.tls || !span_cut(&rest, '.', &first) || !span_cut(&rest, '.', &second)) return false;
    if (p.kind != ENDPOINT_SERVERLESS) { /* "master.cart.abc123.use1...", "cart-001.cart.abc..." */
        *ret = second;
        return true;
    }
    size_t hash = 0; /* "cart-abc123.serverless.use1...": the name may hold hyphens */
    for (size_t i = 0; i < first.size; i++)
        if (first.at[i] == '-') hash = i;
    *ret = span_of(first.at, hash);
    return hash > 0;
}
