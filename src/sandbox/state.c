#include "sandbox/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/openssl.h"
#include <openssl/rand.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define SECRET_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define FIRST_HOST 11
#define HOSTS_PER_NET 240

static bool path_in(char ret[PATH_SIZE], const char *workdir, const char *name, err *e)
{
    int size = snprintf(ret, PATH_SIZE, "%s/%s", workdir, name);
    if (size > 0 && (size_t)size < PATH_SIZE) return true;
    return err_set(e, ERR_LIMIT, "the path of the work directory is too long");
}

void state_random(char *ret, size_t size, const char *alphabet)
{
    size_t count = strlen(alphabet);
    assert(count > 0);
    for (size_t i = 0; i < size; i++) {
        uint32_t value = 0;
        int done = RAND_bytes((unsigned char *)&value, sizeof value);
        assert(done == 1);
        ret[i] = alphabet[value % count];
    }
    ret[size] = '\0';
}

const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

int64_t number_of(const json_t *object, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(object, name));
}

bool flag_of(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

void text_set(json_t *object, const char *name, const char *text)
{
    (void)json_object_set_new(object, name, json_string(text)); /* out of memory or not UTF-8 */
}

json_t *state_part(sandbox *s, const char *name)
{
    json_t *part = json_object_get(s->root, name);
    if (part) return part;
    part = json_object();
    (void)json_object_set_new(s->root, name, part); /* fails only without memory */
    return part;
}

const char *state_text(sandbox *s, const char *name)
{
    return text_of(s->root, name);
}

int64_t state_delay_ms(const sandbox *s, unsigned service_seconds)
{
    return (int64_t)service_seconds * 1000 / s->compress;
}

static void new_text(sandbox *s, const char *name, const char *prefix, size_t size, const char *set)
{
    char text[64];
    size_t at = strlen(prefix);
    assert(at + size < sizeof text);
    memcpy(text, prefix, at + 1); /* with its end */
    state_random(text + at, size, set);
    text_set(s->root, name, text);
}

static void state_begin(sandbox *s)
{
    uint16_t random = 0;
    int done = RAND_bytes((unsigned char *)&random, sizeof random);
    assert(done == 1);
    (void)json_object_set_new(s->root, "net_second", json_integer(64 + (random >> 8) % 180));
    (void)json_object_set_new(s->root, "net_third", json_integer(random & 255));
    text_set(s->root, "region", "us-east-1");
    text_set(s->root, "account", "123456789012");
    new_text(s, "access_key_id", "AKIA", 16, CAPITALS);
    new_text(s, "secret_access_key", "", 40, SECRET_LETTERS);
    new_text(s, "hash", "", 6, LETTERS);
    new_text(s, "admin_password", "", 40, SECRET_LETTERS);
    new_text(s, "hidden_prefix", "h", 20, LETTERS);
    s->dirty = true;
}

/* What every state has had since the first one, of the right type. */
static bool is_state(const json_t *root)
{
    static const char *const texts[] = {
        "region", "account",        "access_key_id", "secret_access_key",
        "hash",   "admin_password", "hidden_prefix"};
    bool good = json_is_object(root) && json_is_integer(json_object_get(root, "net_second")) &&
                json_is_integer(json_object_get(root, "net_third"));
    for (size_t i = 0; i < COUNT_OF(texts) && good; i++)
        good = json_string_length(json_object_get(root, texts[i])) > 0;
    return good;
}

bool state_read(const char *workdir, json_t **ret, err *e)
{
    char path[PATH_SIZE];
    if (!path_in(path, workdir, STATE_FILE, e)) return false;
    json_error_t error;
    errno = 0;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_cannot_open_file)
        return err_sys(e, errno, "open '%s'", path);
    if (is_state(root)) {
        *ret = root;
        return true;
    }
    if (root) {
        (void)err_set(e, ERR_STATE, "'%s' is not the state of a sandbox: it has no credentials",
                      path);
    } else {
        (void)err_set(e, ERR_STATE, "'%s' is not the state of a sandbox: %s, line %d", path,
                      error.text, error.line);
    }
    json_decref(root);
    return err_hint(e, "put back a copy of it, remove the work directory, or name another with "
                       "--workdir");
}

bool state_open(sandbox *s, const char *workdir, err *e)
{
    char path[PATH_SIZE];
    if (!realpath(workdir, s->workdir)) return err_sys(e, errno, "open '%s'", workdir);
    if (!path_in(path, s->workdir, STATE_FILE, e)) return false;
    if (access(path, F_OK) == 0) {
        if (!state_read(s->workdir, &s->root, e)) return false;
    } else {
        s->root = json_object();
        state_begin(s);
    }
    if (!*state_text(s, "iam_password")) { /* a new one, or one from before there were IAM users */
        new_text(s, "iam_password", "", 40, SECRET_LETTERS);
        s->dirty = true;
    }
    return pthread_mutex_init(&s->lock, NULL) == 0 || err_set(e, ERR_IO, "no lock could be made");
}

bool state_save(sandbox *s, err *e)
{
    char path[PATH_SIZE];
    char made[PATH_SIZE];
    if (!path_in(path, s->workdir, STATE_FILE, e)) return false;
    if (!path_in(made, s->workdir, STATE_FILE ".new", e)) return false;
    int fd = open(made, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, errno, "write '%s'", made);
    errno = 0;
    bool done = json_dumpfd(s->root, fd, JSON_INDENT(1)) == 0;
    int why = errno ? errno : EIO;
    if (close(fd) != 0 && done) { /* a late write error */
        why = errno;
        done = false;
    }
    if (done && rename(made, path) == 0) {
        s->dirty = false;
        return true;
    }
    if (done) why = errno;
    (void)unlink(made); /* the one before stays */
    return err_sys(e, why, "write '%s'", path);
}

void state_close(sandbox *s)
{
    json_decref(s->root);
    s->root = NULL;
}

bool state_claim(const char *workdir, int *ret_fd, err *e)
{
    char path[PATH_SIZE];
    if (mkdir(workdir, 0700) != 0 && errno != EEXIST)
        return err_sys(e, errno, "make the work directory '%s'", workdir);
    if (!path_in(path, workdir, STATE_LOCK, e)) return false;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, errno, "open '%s'", path);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0) {
        *ret_fd = fd;
        return true;
    }
    (void)close(fd);
    (void)err_set(e, ERR_STATE, "a sandbox runs in '%s' already", workdir);
    return err_hint(e, "'handover sandbox status' tells where; --workdir names another");
}

bool state_holder(const char *workdir, int64_t *ret_pid, err *e)
{
    char path[PATH_SIZE];
    *ret_pid = 0;
    if (!path_in(path, workdir, STATE_LOCK, e)) return false;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return true;
    if (fd < 0) return err_sys(e, errno, "open '%s'", path);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int bad = fcntl(fd, F_GETLK, &lock);
    int why = errno;
    (void)close(fd);
    if (bad != 0) return err_sys(e, why, "ask for the lock of '%s'", path);
    if (lock.l_type != F_UNLCK) *ret_pid = lock.l_pid;
    return true;
}

void state_address(sandbox *s, char ret[32])
{
    int64_t next = number_of(s->root, "next_host");
    (void)json_object_set_new(s->root, "next_host", json_integer(next + 1));
    int64_t third = (number_of(s->root, "net_third") + next / HOSTS_PER_NET) & 255;
    (void)snprintf(ret, 32, "127.%d.%d.%d", (int)number_of(s->root, "net_second"), (int)third,
                   (int)(FIRST_HOST + next % HOSTS_PER_NET));
    s->dirty = true;
}

void state_event(sandbox *s, const char *type, const char *id, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* or cut */
    va_end(args);
    json_t *events = json_object_get(s->root, "events");
    if (!events) {
        events = json_array();
        (void)json_object_set_new(s->root, "events", events);
    }
    (void)json_array_append_new(events, json_pack("{s:s,s:s,s:s,s:s}", "SourceIdentifier", id,
                                                  "SourceType", type, "Message", text, "Date",
                                                  clock_show(clock_wall_ms()).text));
    if (json_array_size(events) > STATE_EVENTS_MAX) (void)json_array_remove(events, 0);
    s->dirty = true;
}

json_t *state_arn(sandbox *s, const char *kind, const char *id)
{
    char text[256];
    (void)snprintf(text, sizeof text, "arn:aws:elasticache:%s:%s:%s:%s", state_text(s, "region"),
                   state_text(s, "account"), kind, id);
    return json_string(text);
}
