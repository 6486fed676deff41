/* The file of --config: a flat YAML mapping with the names of the long options. No recursion: what
 * is nested is refused where it begins. The bytes may hold passwords, so they are wiped. */
#include "base/yaml_events.h"
#include "cli/cli_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_SIZE_MAX (64 * KIB)

enum place { BEFORE, AT_KEY, AT_VALUE, IN_LIST, AFTER };

struct config {
    struct cli_options *o;
    const char *path;
    enum place place;
    const struct option_row *row; /* whose value comes next */
    bool seen[OPTION_ROW_COUNT];
    bool has_password;
};

static bool key_refuse(const char *name, err *e)
{
    const char *names[OPTION_ROW_COUNT] = {0};
    size_t count = 0;
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++)
        if (!cli_option_rows[i].command_line_only) names[count++] = cli_option_rows[i].name;
    const char *near = nearest(name, names, count);
    (void)err_set(e, ERR_USAGE, "there is no option '%s'", span_show(span_text(name)).text);
    if (near) return err_hint(e, "did you mean '%s'?", near);
    return err_hint(e, "the names are those of the long options, without the dashes");
}

/* A file may serve several commands: a key that another command takes is checked, not used. */
static bool key_read(struct config *c, const char *name, err *e)
{
    const struct option_row *row = option_find(name, c->o->command);
    if (!row) return key_refuse(name, e);
    if (row->command_line_only) {
        (void)err_set(e, ERR_USAGE, "'%s' cannot stand in a configuration file", name);
        return err_hint(e, "give --%s on the command line", name);
    }
    bool *seen = &c->seen[row - cli_option_rows];
    if (*seen) {
        (void)err_set(e, ERR_USAGE, "'%s' is given twice", name);
        return err_hint(e, "keep one of the lines");
    }
    *seen = true;
    c->row = row;
    c->place = AT_VALUE;
    return true;
}

static bool value_use(struct config *c, span text, err *e)
{
    assert(c->row);
    if (text.size && memchr(text.at, '\0', text.size))
        return err_set(e, ERR_USAGE, "the value of '%s' holds a NUL byte", c->row->name);
    if (c->row->kind == OPTION_URL) {
        char *copy = mem_text(text);
        if (secret_in_url(copy)) c->has_password = true;
        explicit_bzero(copy, text.size);
        free(copy);
    }
    return option_set(c->o, c->row, text, ORIGIN_CONFIG, e);
}

static bool nested_refuse(const struct config *c, err *e)
{
    if (c->place == BEFORE || !c->row) {
        (void)err_set(e, ERR_USAGE, "the file is not a list of 'name: value' lines");
    } else {
        (void)err_set(e, ERR_USAGE, "'%s' takes no nested value", c->row->name);
    }
    return err_hint(e, "write one 'name: value' a line, with the names of the long options");
}

static bool scalar_read(struct config *c, const yaml_event_t *event, err *e)
{
    span text = span_of(event->data.scalar.value, event->data.scalar.length);
    if (c->place == BEFORE) return nested_refuse(c, e);
    if (c->place == AT_KEY) return key_read(c, (const char *)event->data.scalar.value, e);
    if (c->place == AT_VALUE) c->place = AT_KEY;
    return value_use(c, text, e);
}

static bool event_read(struct config *c, const yaml_event_t *event, err *e)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar_read(c, event, e);
    case YAML_MAPPING_START_EVENT:
        if (c->place != BEFORE) return nested_refuse(c, e);
        c->place = AT_KEY;
        return true;
    case YAML_MAPPING_END_EVENT:
        c->place = AFTER;
        return true;
    case YAML_SEQUENCE_START_EVENT:
        if (c->place != AT_VALUE || c->row->kind != OPTION_LIST) return nested_refuse(c, e);
        c->place = IN_LIST;
        return true;
    case YAML_SEQUENCE_END_EVENT:
        c->place = AT_KEY;
        return true;
    case YAML_ALIAS_EVENT:
        (void)err_set(e, ERR_USAGE, "anchors and aliases are not read");
        return err_hint(e, "write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (c->place != AFTER) return true;
        (void)err_set(e, ERR_USAGE, "a second document begins");
        return err_hint(e, "keep one document in the file");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

static bool event_take(void *context, const yaml_event_t *event, err *e)
{
    struct config *c = context;
    if (event_read(c, event, e)) return true;
    return err_wrap(e, "'%s', line %zu", c->path, yaml_line(event));
}

static bool not_yaml(void *context, size_t line, const char *problem, err *e)
{
    const struct config *c = context;
    (void)err_set(e, ERR_USAGE, "'%s', line %zu: not YAML: %s", c->path, line, problem);
    return err_hint(e, "write one 'name: value' a line");
}

/* The whole file; one byte more than the limit tells that it is longer. */
static bool file_read(int fd, const char *path, uint8_t *bytes, size_t *ret_size, err *e)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + size, CONFIG_SIZE_MAX + 1 - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_sys(e, errno, "read '%s'", path);
        if (got == 0) break;
        size += (size_t)got;
        if (size > CONFIG_SIZE_MAX) {
            (void)err_set(e, ERR_USAGE, "'%s' is larger than %zu bytes", path, CONFIG_SIZE_MAX);
            return err_hint(e, "give a configuration file, see 'handover help'");
        }
    }
    *ret_size = size;
    return true;
}

static bool rights_check(int fd, const char *path, err *e)
{
    struct stat info = {0};
    if (fstat(fd, &info) != 0) return err_sys(e, errno, "look at '%s'", path);
    if (!S_ISREG(info.st_mode) || (info.st_mode & 077) == 0) return true;
    (void)err_set(e, ERR_USAGE, "'%s' holds a password and others may read it", path);
    return err_hint(e, "chmod 600 '%s', and change the password if somebody did", path);
}

bool config_parse(
    span bytes, const char *path, struct cli_options *o, bool *ret_has_password, err *e)
{
    struct config c = {.o = o, .path = path};
    bool good = yaml_events(bytes, event_take, not_yaml, &c, e);
    *ret_has_password = c.has_password;
    return good;
}

bool config_read(const char *path, struct cli_options *o, err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_sys(e, errno, "open the configuration file '%s'", path);
        e->kind = ERR_USAGE;
        return err_hint(e, "give --config a file that exists and can be read");
    }
    uint8_t *bytes = mem_alloc(CONFIG_SIZE_MAX + 1);
    size_t size = 0;
    bool good = file_read(fd, path, bytes, &size, e);
    bool has_password = false;
    good = good && config_parse(span_of(bytes, size), path, o, &has_password, e) &&
           (!has_password || rights_check(fd, path, e));
    explicit_bzero(bytes, size);
    free(bytes);
    (void)close(fd); /* only read */
    return good;
}
