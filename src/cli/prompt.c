/* A password asked for on the terminal, without echo. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli_internal.h"

static volatile sig_atomic_t interrupted;

static void interrupt_note(int number)
{
    (void)number;
    interrupted = 1;
}

/* While the terminal is mute: a signal ends the reading, not the program before it has put the echo
 * back; a stop (Ctrl-Z) waits. */
static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
typedef struct {
    struct sigaction signals[COUNT_OF(caught)];
    struct termios terminal;
} before;

static bool mute(int fd, before *ret)
{
    if (tcgetattr(fd, &ret->terminal) != 0) return false;
    interrupted = 0;
    for (size_t i = 0; i < COUNT_OF(caught); i++) {
        struct sigaction to = {.sa_handler = caught[i] == SIGTSTP ? SIG_IGN : interrupt_note};
        (void)sigaction(caught[i], &to, &ret->signals[i]); /* no SA_RESTART: read comes back */
    }
    struct termios quiet = ret->terminal;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ICANON | ISIG;
    return tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
}

static void unmute(int fd, const before *was)
{
    (void)tcsetattr(fd, TCSAFLUSH, &was->terminal); /* nothing more can be done */
    for (size_t i = 0; i < COUNT_OF(caught); i++)
        (void)sigaction(caught[i], &was->signals[i], NULL);
}

/* One line. */
static bool line_read(int fd, uint8_t *bytes, size_t max, size_t *ret_size)
{
    size_t size = 0;
    while (size < max && !interrupted) {
        ssize_t got = read(fd, bytes + size, max - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += (size_t)got;
        if (bytes[size - 1] != '\n') continue;
        *ret_size = size - 1;
        return true;
    }
    *ret_size = size;
    return size > 0 && !interrupted;
}

static bool nobody_answers(const char *side, const char *variable_side, err *e)
{
    (void)err_set(e, ERR_USAGE, "there is no terminal to ask for the %s's password on", side);
    return err_hint(e, "give it in HANDOVER_%s_PASSWORD or with --%s-password-file", variable_side,
                    side);
}

bool prompt_password(err_side side, secret *ret, err *e)
{
    const char *name = side == SIDE_SOURCE ? "source" : "target";
    const char *upper = side == SIDE_SOURCE ? "SOURCE" : "TARGET";
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return nobody_answers(name, upper, e);
    uint8_t bytes[SECRET_SIZE_MAX + 2];
    size_t size = 0;
    before was;
    bool good = mute(fd, &was);
    if (good) {
        (void)dprintf(fd, "password of the %s: ", name);
        good = line_read(fd, bytes, sizeof bytes, &size);
        (void)dprintf(fd, "\n");
        unmute(fd, &was);
        if (!good && interrupted) (void)err_set(e, ERR_STOPPED, "interrupted");
        if (!good && !interrupted) (void)err_set(e, ERR_USAGE, "no password was given");
    } else {
        (void)nobody_answers(name, upper, e);
    }
    (void)close(fd);
    if (good && size == 0) good = err_set(e, ERR_USAGE, "no password was given");
    if (good && size > SECRET_SIZE_MAX)
        good = err_set(e, ERR_USAGE, "the password is longer than %zu bytes", SECRET_SIZE_MAX);
    if (good) secret_set(ret, span_of(bytes, size));
    explicit_bzero(bytes, sizeof bytes);
    return good;
}

bool prompt_word(const char *question, const char *word, const char *option, err *e)
{
    uint8_t bytes[256];
    size_t size = 0;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        (void)err_set(e, ERR_USAGE,
                      "nothing was done: there is no terminal to ask on. The question: %s",
                      question);
        return err_hint(e, "give %s, which answers for you", option);
    }
    interrupted = 0;
    (void)dprintf(fd, "%s\nType '%s' to go on: ", question, word);
    bool answered = line_read(fd, bytes, sizeof bytes, &size);
    (void)close(fd);
    if (answered && span_is(span_trim(span_of(bytes, size)), word)) return true;
    (void)err_set(e, ERR_USAGE, "not confirmed: nothing was done");
    return err_hint(e, "type the word itself, or give %s", option);
}
