#include "net/io.h"

#include <errno.h>
#include <sys/socket.h>

io_result socket_read(int fd, void *at, size_t size, size_t *ret, err *e)
{
    for (;;) {
        ssize_t n = recv(fd, at, size, 0);
        int problem = n < 0 ? errno : 0;
        if (problem == EINTR) continue;
        if (problem == EAGAIN) return IO_WANTS_READ;
        if (n == 0) return IO_CLOSED;
        if (problem) {
            (void)err_sys(e, problem, "read");
            return IO_FAILED;
        }
        *ret = (size_t)n;
        return IO_MOVED;
    }
}

io_result socket_write(int fd, const void *at, size_t size, size_t *ret, err *e)
{
    for (;;) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        int problem = n < 0 ? errno : 0;
        if (problem == EINTR) continue;
        if (problem == EAGAIN) return IO_WANTS_WRITE;
        if (problem) {
            (void)err_sys(e, problem, "write");
            return IO_FAILED;
        }
        *ret = (size_t)n;
        return IO_MOVED;
    }
}
