#include "aws/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

/* Leads a group of its own, so that all of it can be ended. */
static bool start(const char *command, int output, pid_t *ret, err *e)
{
    char shell[] = "sh";
    char option[] = "-c";
    char *text = strdup(command);
    assert(text); /* only without memory */
    char *arguments[] = {shell, option, text, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (!failed) failed = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&files, output, 1);
    if (!failed) failed = posix_spawnattr_init(&attributes);
    if (!failed) failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (!failed) failed = posix_spawn(ret, "/bin/sh", &files, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    free(text);
    return !failed || err_sys(e, failed, "start a shell");
}

static bool read_all(int from, int64_t deadline_ns, buf *ret, err *e)
{
    for (;;) {
        uint8_t piece[1024];
        struct pollfd ready = {.fd = from, .events = POLLIN};
        int left = deadline_left_ms(deadline_ns);
        if (left == 0) return err_set(e, ERR_TIMEOUT, "it did not end in time");
        if (poll(&ready, 1, left) <= 0) continue; /* also after a signal */
        ssize_t got = read(from, piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_sys(e, errno, "read");
        if (got == 0) return true;
        bool fits = buf_append(ret, span_of(piece, (size_t)got));
        explicit_bzero(piece, sizeof piece);
        if (!fits) return err_set(e, ERR_LIMIT, "it wrote more than %zu bytes", ret->max);
    }
}

bool process_output(const char *command, int64_t deadline_ns, buf *ret, err *e)
{
    int ends[2];
    pid_t child = 0;
    int status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return err_sys(e, errno, "make a pipe");
    bool good = start(command, ends[1], &child, e);
    (void)close(ends[1]); /* nothing was written */
    bool started = good;
    good = good && read_all(ends[0], deadline_ns, ret, e);
    (void)close(ends[0]);
    if (!started) return false;
    if (!good) (void)kill(-child, SIGKILL); /* it may have ended by itself */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!good) return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    return err_set(e, ERR_IO,
                   WIFEXITED(status) ? "it ended with exit code %d" : "signal %d ended it",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}
