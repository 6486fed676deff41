/* The names of the caches, and the thread that answers for them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/dns.h"
#include "sandbox/group.h"

#define TURN_MS 200

struct dns_server {
    sandbox *s;
    int fd;
    pthread_t thread;
    atomic_bool stops;
};

static void address_add(const json_t *node, dns_addresses *ret)
{
    if (ret->count < DNS_ADDRESSES_MAX &&
        inet_pton(AF_INET, text_of(node, "host"), ret->at[ret->count]) == 1)
        ret->count++;
}

static bool
group_lookup(sandbox *s, const char *id, json_t *g, const char *name, dns_addresses *ret)
{
    bool is_primary = strcmp(name, group_name_of(s, id, g, NAME_PRIMARY, "").text) == 0;
    bool is_reader = strcmp(name, group_name_of(s, id, g, NAME_READER, "").text) == 0;
    const char *primary = text_of(g, "named_primary");
    size_t at = 0;
    json_t *node = NULL;
    json_t *only = NULL;
    bool found = is_primary || is_reader;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        const char *node_id = text_of(node, "id");
        bool it = strcmp(node_id, primary) == 0;
        bool by_name = strcmp(name, group_name_of(s, id, g, NAME_NODE, node_id).text) == 0;
        found |= by_name;
        if (by_name || (is_primary && it) || (is_reader && !it)) address_add(node, ret);
        if (it) only = node;
    }
    if (is_reader && ret->count == 0 && only) address_add(only, ret); /* no replica: the primary */
    return found;
}

bool dns_lookup_cache(void *context, const char *name, dns_addresses *ret)
{
    sandbox *s = context;
    const char *id = NULL;
    json_t *g = NULL;
    bool found = false;
    (void)pthread_mutex_lock(&s->lock);
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        if (!found) found = group_lookup(s, id, g, name, ret);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

static void *serve(void *context)
{
    dns_server *d = context;
    buf out = buf_of(DNS_MESSAGE_MAX);
    while (!atomic_load(&d->stops)) {
        uint8_t message[DNS_MESSAGE_MAX];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t got = recvfrom(d->fd, message, sizeof message, 0, (struct sockaddr *)&from, &size);
        if (got <= 0) continue; /* nothing within the turn */
        if (dns_answer(span_of(message, (size_t)got), dns_lookup_cache, d->s, &out))
            (void)sendto(d->fd, out.at, out.size, 0, (struct sockaddr *)&from, size);
    }
    buf_clear(&out);
    return NULL;
}

bool dns_server_start(sandbox *s, uint16_t *port, dns_server **ret, err *e)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    struct timeval turn = {.tv_usec = INT64_C(1000) * TURN_MS};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 ||
        getsockname(fd, (struct sockaddr *)&here, &size) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &turn, sizeof turn) != 0) {
        (void)err_sys(e, errno, "listen for names on 127.0.0.1:%u", *port);
        if (fd >= 0) (void)close(fd);
        return false;
    }
    dns_server *d = mem_alloc(sizeof *d);
    d->s = s;
    d->fd = fd;
    *port = ntohs(here.sin_port);
    if (pthread_create(&d->thread, NULL, serve, d) != 0) {
        (void)close(fd);
        free(d);
        return err_set(e, ERR_IO, "no thread could be made for names");
    }
    *ret = d;
    return true;
}

void dns_server_stop(dns_server *d)
{
    if (!d) return;
    atomic_store(&d->stops, true);
    (void)pthread_join(d->thread, NULL);
    (void)close(d->fd);
    free(d);
}
