/* net/io.h: bytes into and out of what is below a connection: a socket, or a filter on it. */
#pragma once
#include "base/err.h"

typedef enum {
    IO_MOVED,       /* at least one byte */
    IO_WANTS_READ,  /* nothing now; try again when the socket can be read */
    IO_WANTS_WRITE, /* nothing now; try again when the socket can be written */
    IO_CLOSED,      /* the other side ended the connection */
    IO_FAILED       /* the err says why */
} io_result;

io_result socket_read(int fd, void *at, size_t size, size_t *ret, err *e);
io_result socket_write(int fd, const void *at, size_t size, size_t *ret, err *e); /* no SIGPIPE */
