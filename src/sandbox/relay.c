#include "sandbox/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sandbox/relay_internal.h"

#define PLACES_MAX ((size_t)600)
#define TURN_MS 200 /* for connections whose login is over */

struct relay {
    pthread_mutex_t lock; /* of everything below */
    pthread_t thread;
    bool ends;
    int wake[2];
    relay_keys keys;
    relay_place *places[PLACES_MAX];
    size_t place_count;
    relay_conn *connections;
    size_t connection_count;
    struct pollfd *polled;
    size_t polled_room;
};

static void wake(relay *r)
{
    ssize_t sent = write(r->wake[1], "", 1);
    if (sent < 0) log_debug("sandbox: the relay's pipe is full"); /* then it wakes anyway */
}

/* --- places ---------------------------------------------------------------------------------- */

static relay_place *place_find(relay *r, const char *node)
{
    for (size_t i = 0; i < r->place_count; i++)
        if (strcmp(r->places[i]->node, node) == 0) return r->places[i];
    return NULL;
}

static void listeners_close(relay_place *p)
{
    for (size_t i = 0; i < p->count; i++)
        (void)close(p->listeners[i].fd);
    p->count = 0;
}

static void place_free(relay *r, relay_place *p)
{
    for (relay_conn *c = r->connections; c; c = c->next)
        if (c->place == p) c->place = NULL; /* the thread ends it */
    listeners_close(p);
    SSL_CTX_free(p->tls);
    free(p->users);
    for (size_t i = 0; i < r->place_count; i++)
        if (r->places[i] == p) r->places[i] = r->places[--r->place_count];
    free(p);
}

static SSL_CTX *tls_new(const char *node, err *e)
{
    char crt[PATH_SIZE];
    char key[PATH_SIZE];
    (void)snprintf(crt, sizeof crt, "nodes/%s/node.crt", node);
    (void)snprintf(key, sizeof key, "nodes/%s/node.key", node);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
        SSL_CTX_use_certificate_file(tls, crt, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1) {
        (void)SSL_CTX_set_mode(tls,
                               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return tls;
    }
    ERR_clear_error();
    SSL_CTX_free(tls);
    (void)err_set(e, ERR_TLS, "the certificate of node '%s' cannot be used", node);
    return NULL;
}

static int listen_at(const char *address, uint16_t port, err *e)
{
    int yes = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)err_sys(e, errno, "open a socket");
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (inet_pton(AF_INET, address, &a.sin_addr) == 1 &&
        bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 511) == 0)
        return fd;
    (void)err_sys(e, errno, "listen at '%s:%u'", address, port);
    (void)close(fd);
    return -1;
}

/* Those that stay stay open; others go first, so that another node can take theirs. */
static bool listeners_set(relay_place *p, const char *addresses, uint16_t port, err *e)
{
    relay_place old = *p;
    span rest = span_text(addresses);
    span word;
    p->count = 0;
    while (span_cut(&rest, ' ', &word) && p->count < RELAY_ADDRESSES_MAX) {
        (void)snprintf(p->listeners[p->count].address, sizeof p->listeners[0].address, "%.*s",
                       (int)word.size, (const char *)word.at);
        p->listeners[p->count++].fd = -1;
    }
    for (size_t i = 0; i < old.count; i++) {
        bool stays = false;
        for (size_t n = 0; n < p->count && !stays && old.port == port; n++) {
            stays = strcmp(p->listeners[n].address, old.listeners[i].address) == 0;
            if (stays) p->listeners[n].fd = old.listeners[i].fd;
        }
        if (!stays) (void)close(old.listeners[i].fd);
    }
    p->port = port;
    bool good = true;
    size_t kept = 0;
    for (size_t n = 0; n < p->count; n++) {
        if (p->listeners[n].fd < 0 && good)
            p->listeners[n].fd = listen_at(p->listeners[n].address, port, e);
        good = good && p->listeners[n].fd >= 0;
        if (p->listeners[n].fd >= 0) p->listeners[kept++] = p->listeners[n];
    }
    p->count = kept;
    return good;
}

static bool place_put(relay *r, const relay_node *n, err *e)
{
    relay_place *p = place_find(r, n->node);
    if (!p) {
        if (r->place_count == PLACES_MAX) return err_set(e, ERR_LIMIT, "too many nodes");
        p = mem_alloc(sizeof *p);
        (void)snprintf(p->node, sizeof p->node, "%s", n->node);
        (void)snprintf(p->cache, sizeof p->cache, "%s", n->cache);
        r->places[r->place_count++] = p;
    }
    free(p->users);
    p->users = mem_text(span_text(n->users));
    if (!p->tls) p->tls = tls_new(n->node, e);
    return p->tls && listeners_set(p, n->addresses, n->port, e);
}

bool relay_put(relay *r, const relay_node *n, err *e)
{
    (void)pthread_mutex_lock(&r->lock);
    bool done = place_put(r, n, e);
    (void)pthread_mutex_unlock(&r->lock);
    wake(r);
    return done;
}

void relay_drop(relay *r, const char *node)
{
    (void)pthread_mutex_lock(&r->lock);
    relay_place *p = place_find(r, node);
    if (p) place_free(r, p);
    (void)pthread_mutex_unlock(&r->lock);
    wake(r);
}

void relay_freeze(relay *r, const char *node)
{
    (void)pthread_mutex_lock(&r->lock);
    relay_place *p = place_find(r, node);
    if (p) p->frozen = true;
    if (p) p->node[0] = '\0';
    (void)pthread_mutex_unlock(&r->lock);
    wake(r);
}

/* --- the thread ------------------------------------------------------------------------------ */

static void accept_all(relay *r, relay_place *p, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        if (r->connection_count >= RELAY_CONNECTIONS_MAX) {
            (void)close(fd);
            continue;
        }
        relay_conn *c = relay_conn_new(p, &r->keys, fd);
        if (!c) continue;
        c->next = r->connections;
        r->connections = c;
        r->connection_count++;
    }
}

static void pump_all(relay *r)
{
    for (relay_conn **at = &r->connections; *at;) {
        relay_conn *c = *at;
        if (relay_conn_pump(c)) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        r->connection_count--;
        relay_conn_free(c);
    }
}

static void poll_add(relay *r, size_t *count, int fd, short events)
{
    if (*count == r->polled_room) {
        r->polled_room = r->polled_room ? 2 * r->polled_room : 64;
        r->polled = mem_realloc(r->polled, r->polled_room * sizeof *r->polled);
    }
    r->polled[(*count)++] = (struct pollfd){.fd = events ? fd : -1, .events = events};
}

static size_t poll_list(relay *r)
{
    size_t count = 0;
    poll_add(r, &count, r->wake[0], POLLIN);
    for (size_t i = 0; i < r->place_count; i++) {
        for (size_t n = 0; n < r->places[i]->count && !r->places[i]->frozen; n++)
            poll_add(r, &count, r->places[i]->listeners[n].fd, POLLIN);
    }
    for (relay_conn *c = r->connections; c; c = c->next) {
        if (c->place && c->place->frozen) continue;
        poll_add(r, &count, c->client, relay_conn_client_events(c));
        poll_add(r, &count, c->engine, relay_conn_engine_events(c));
    }
    return count;
}

static void *relay_main(void *arg)
{
    relay *r = arg;
    char bytes[64];
    (void)pthread_mutex_lock(&r->lock);
    while (!r->ends) {
        size_t count = poll_list(r);
        (void)pthread_mutex_unlock(&r->lock);
        (void)poll(r->polled, count, TURN_MS); /* whatever it says: everything is looked at */
        (void)pthread_mutex_lock(&r->lock);
        while (read(r->wake[0], bytes, sizeof bytes) > 0)
            continue;
        for (size_t i = 0; i < r->place_count; i++) {
            for (size_t n = 0; n < r->places[i]->count && !r->places[i]->frozen; n++)
                accept_all(r, r->places[i], r->places[i]->listeners[n].fd);
        }
        pump_all(r);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

bool relay_start(const relay_common *c, relay **ret, err *e)
{
    relay *r = mem_alloc(sizeof *r);
    r->keys.life_ms = c->life_ms;
    (void)snprintf(r->keys.access_key_id, sizeof r->keys.access_key_id, "%s", c->access_key_id);
    (void)snprintf(r->keys.secret_key, sizeof r->keys.secret_key, "%s", c->secret_key);
    (void)snprintf(r->keys.region, sizeof r->keys.region, "%s", c->region);
    (void)snprintf(r->keys.engine_password, sizeof r->keys.engine_password, "%s",
                   c->engine_password);
    if (pipe2(r->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        (void)err_sys(e, errno, "open a pipe");
        free(r);
        return false;
    }
    (void)pthread_mutex_init(&r->lock, NULL); /* never fails with default attributes on Linux */
    int failed = pthread_create(&r->thread, NULL, relay_main, r);
    assert(!failed);
    *ret = r;
    return true;
}

void relay_stop(relay *r)
{
    if (!r) return;
    (void)pthread_mutex_lock(&r->lock);
    r->ends = true;
    (void)pthread_mutex_unlock(&r->lock);
    wake(r);
    int failed = pthread_join(r->thread, NULL);
    assert(!failed);
    while (r->place_count > 0)
        place_free(r, r->places[0]);
    pump_all(r); /* they are to end */
    (void)close(r->wake[0]);
    (void)close(r->wake[1]);
    free(r->polled);
    explicit_bzero(&r->keys, sizeof r->keys);
    free(r);
}
