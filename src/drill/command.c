#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "drill/client.h"

#define VARIABLES 12
#define END_MS 2000 /* between SIGTERM and SIGKILL */
#define POLL_US 5000
#define READ_SIZE 16384

extern char **environ;

static const char *tls_part(const engine_url *u, engine_tls_part part)
{
    return u->tls_parts[part] ? u->tls_parts[part] : "";
}

/* Our own variables are left out: a password may be among them. */
static char **environment_make(arena *memory, const client *c, const command_place *p)
{
    size_t count = 0;
    size_t used = 0;
    while (environ[count])
        count++;
    char **out = arena_alloc(memory, (count + VARIABLES + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "HANDOVER_", 9) != 0) out[used++] = environ[i];
    const struct {
        const char *name, *value;
    } rows[] = {
        {"HOST", p->url->host},
        {"PORT", arena_printf(memory, "%u", p->url->port)},
        {"DB", arena_printf(memory, "%d", p->url->db)},
        {"TLS", p->url->tls ? "1" : "0"},
        {"CA", tls_part(p->url, ENGINE_TLS_CA)},
        {"TLS_NAME", tls_part(p->url, ENGINE_TLS_NAME)},
        {"USER", p->url->user ? p->url->user : ""},
        {"PASSWORD_FILE", p->password_file},
        {"PREFIX", c->prefix},
        {"EXPIRY_S", arena_printf(memory, "%d", DRILL_KEY_EXPIRY_S)},
        {"NAME", DRILL_NAME "-command"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        out[used++] = arena_printf(memory, "HANDOVER_DRILL_%s=%s", rows[i].name, rows[i].value);
    return out;
}

/* Between fork and exec only what is safe there. */
static void
child_run(const char *command, char *const *environment, int out, int errors, pid_t parent)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(126);
    (void)setpgid(0, 0); /* Control-C is ours: we end it in order */
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)sigaction(SIGPIPE, &usual, NULL);
    (void)sigaction(SIGINT, &usual, NULL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) (void)dup2(null, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(errors, STDERR_FILENO);
    char *const args[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t)command, NULL};
    (void)execve("/bin/sh", args, environment);
    _exit(127);
}

bool command_start(client *c, const command_place *p, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char **environment = environment_make(&memory, c, p);
    int out[2];
    int errors[2];
    if (pipe2(out, O_CLOEXEC) != 0) return err_sys(e, errno, "a pipe");
    if (pipe2(errors, O_CLOEXEC) != 0) {
        int problem = errno;
        (void)close(out[0]);
        (void)close(out[1]);
        return err_sys(e, problem, "a pipe");
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    int problem = errno;
    if (pid == 0) child_run(c->command, environment, out[1], errors[1], parent);
    (void)close(out[1]);
    (void)close(errors[1]);
    c->out = out[0];
    c->errors = errors[0];
    (void)fcntl(c->out, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->errors, F_SETFL, O_NONBLOCK);
    if (pid < 0) return err_sys(e, problem, "start '%s'", c->command);
    (void)setpgid(pid, pid); /* whoever is first: it is ended by its group */
    c->pid = pid;
    return true;
}

static void text_keep(char *ret, size_t size, span text)
{
    size_t kept = size_min(text.size, size - 1);
    if (kept) memcpy(ret, text.at, kept);
    ret[kept] = '\0';
    for (char *at = ret; *at; at++)
        if ((unsigned char)*at < ' ') *at = '?';
}

static void line_take(client *c, const drill_line *l)
{
    switch (l->kind) {
    case LINE_OK:
        if (l->n > 0 && l->n <= LEDGER_WRITES_MAX) {
            ledger_acknowledge(&c->book, l->n);
        } else {
            ledger_fail(&c->book, FAILURE_OTHER, span_text("a number that is none of a write"));
        }
        break;
    case LINE_ERROR:
        ledger_fail(&c->book, drill_failure_of(l->text), l->text);
        break;
    case LINE_LIBRARY:
        text_keep(c->library, sizeof c->library, l->text);
        text_keep(c->version, sizeof c->version, l->version);
        break;
    case LINE_OTHER:
        if (l->text.size) text_keep(c->last_words, sizeof c->last_words, l->text);
        break;
    }
}

/* False: it has closed that end. */
static bool pipe_read(client *c, int fd, drill_lines *lines, bool obeys)
{
    uint8_t bytes[READ_SIZE];
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    span in = span_of(bytes, (size_t)got);
    drill_line l;
    while (drill_lines_next(lines, &in, &l)) {
        if (obeys) line_take(c, &l);
        if (!obeys && l.text.size) text_keep(c->last_words, sizeof c->last_words, l.text);
    }
    return got > 0;
}

static void pipe_close(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

void commands_read(client *all, size_t count, int timeout_ms)
{
    struct pollfd fds[2 * (DRILL_COMMANDS_MAX + 1)];
    assert(count <= DRILL_COMMANDS_MAX);
    for (size_t i = 0; i < count; i++) {
        fds[2 * i] = (struct pollfd){.fd = all[i].out, .events = POLLIN};
        fds[2 * i + 1] = (struct pollfd){.fd = all[i].errors, .events = POLLIN};
    }
    if (poll(fds, 2 * count, timeout_ms) <= 0) return;
    for (size_t i = 0; i < count; i++) {
        client *c = &all[i];
        if (fds[2 * i].revents && !pipe_read(c, c->out, &c->lines, true)) {
            pipe_close(&c->out);
            atomic_store(&c->ended, true);
        }
        if (fds[2 * i + 1].revents && !pipe_read(c, c->errors, &c->said, false))
            pipe_close(&c->errors);
    }
}

void commands_end(client *all, size_t count)
{
    int64_t deadline = deadline_in_ms(END_MS);
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].pid > 0) (void)kill(-all[i].pid, SIGTERM);
    do {
        left = 0;
        for (size_t i = 0; i < count; i++) {
            if (all[i].pid > 0 && waitpid(all[i].pid, NULL, WNOHANG) == 0) {
                left++;
            } else if (all[i].pid > 0) {
                all[i].pid = -all[i].pid; /* reaped: only its group is left */
            }
        }
        if (left > 0) (void)usleep(POLL_US);
    } while (left > 0 && deadline_left_ms(deadline) > 0);
    for (size_t i = 0; i < count; i++) {
        pid_t pid = all[i].pid;
        if (pid != 0) (void)kill(pid > 0 ? -pid : pid, SIGKILL); /* what it started too */
        if (pid > 0) (void)waitpid(pid, NULL, 0);
        all[i].pid = 0;
        pipe_close(&all[i].out);
        pipe_close(&all[i].errors);
    }
}
