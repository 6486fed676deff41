#include "migrate/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define POLL_US 500
#define VARIABLES 7

extern char **environ;

bool hook_check(const char *file, err *e)
{
    if (access(file, X_OK) == 0) return true;
    (void)err_sys(e, errno, "the hook '%s'", file);
    e->kind = ERR_USAGE;
    return err_hint(e, "it must be an executable file (chmod +x)");
}

/* The tool's environment without its own variables (HANDOVER_*), then those of the hook. */
static char **environment_make(arena *memory, const hook *h)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **out = arena_alloc(memory, (count + VARIABLES + 1) * sizeof *out);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "HANDOVER_", 9) != 0) out[used++] = environ[i];
    out[used++] = arena_printf(memory, "HANDOVER_PHASE=%s", h->phase);
    out[used++] = arena_printf(memory, "HANDOVER_SOURCE_HOST=%s", h->source_host);
    out[used++] = arena_printf(memory, "HANDOVER_SOURCE_PORT=%u", h->source_port);
    out[used++] = arena_printf(memory, "HANDOVER_TARGET_HOST=%s", h->target_host);
    out[used++] = arena_printf(memory, "HANDOVER_TARGET_PORT=%u", h->target_port);
    out[used++] = arena_printf(memory, "HANDOVER_WORKDIR=%s", h->workdir);
    if (h->result) out[used++] = arena_printf(memory, "HANDOVER_RESULT=%s", h->result);
    return out;
}

/* Between fork and exec only what is safe there. */
static void child_run(const hook *h, char *const *environment)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)setpgid(0, 0);
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)sigaction(SIGPIPE, &usual, NULL); /* ignored by us: that would be inherited */
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) (void)dup2(null, STDIN_FILENO);
    (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* our standard output is for results */
    char *const args[] = {(char *)(uintptr_t)h->file, NULL};
    (void)execve(h->file, args, environment);
    _exit(127);
}

static bool ended_well(const hook *h, int status, err *e)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (WIFEXITED(status)) {
        return err_set(e, ERR_STATE, "the hook '%s' ended with code %d", h->file,
                       WEXITSTATUS(status));
    }
    return err_set(e, ERR_STATE, "the hook '%s' was ended by signal %d", h->file, WTERMSIG(status));
}

bool hook_run(const hook *h, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char **environment = environment_make(&memory, h);
    pid_t pid = fork();
    if (pid < 0) return err_sys(e, errno, "start the hook '%s'", h->file);
    if (pid == 0) child_run(h, environment);
    int64_t deadline = deadline_in_ms(h->timeout_ms);
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return ended_well(h, status, e);
        if (ended < 0 && errno != EINTR) return err_sys(e, errno, "wait for the hook");
        if (deadline_left_ms(deadline) == 0) {
            (void)kill(-pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            return err_set(e, ERR_TIMEOUT, "the hook '%s' took longer than %" PRId64 " ms", h->file,
                           h->timeout_ms);
        }
        (void)usleep(POLL_US);
    }
}
