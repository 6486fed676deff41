/* tests/unit/peer.h: the other side of a connection, played by the test over a Unix socket. */
#pragma once
#include "test.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/span.h"

typedef struct {
    char dir[64];
    char path[96]; /* of the listener: give it as a host */
    int listener;
    int fd; /* the accepted connection, -1: none */
} peer;

static inline void peer_listen(peer *p)
{
    *p = (peer){.listener = -1, .fd = -1};
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/handover-test-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof p->path, "%s/s", p->dir);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    assert_true(strlen(p->path) < sizeof a.sun_path);
    memcpy(a.sun_path, p->path, strlen(p->path));
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p->listener >= 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(p->listener, 4), 0);
}

static inline void peer_accept(peer *p)
{
    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p->fd >= 0);
}

/* What fits the socket's buffer at once; more is a mistake of the test. */
static inline void peer_send(peer *p, span s)
{
    assert_int_equal(send(p->fd, s.at, s.size, MSG_DONTWAIT | MSG_NOSIGNAL), (ssize_t)s.size);
}

static inline void peer_hang_up(peer *p)
{
    if (p->fd >= 0) (void)close(p->fd);
    p->fd = -1;
}

static inline void peer_close(peer *p)
{
    peer_hang_up(p);
    (void)close(p->listener);
    (void)unlink(p->path);
    (void)rmdir(p->dir);
}
