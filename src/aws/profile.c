#include "aws/profile.h"

#include <ctype.h>
#include <errno.h>

#include "base/buf.h"
#include "base/mem.h"

/* The profile that "[...]" opens; empty: a section of another kind. */
static span section_name(span line, profile_file kind)
{
    const uint8_t *end = memchr(line.at, ']', line.size);
    if (!end) return (span){0};
    span name = span_trim(span_of(line.at + 1, (size_t)(end - line.at) - 1));
    if (kind == PROFILE_CREDENTIALS || span_is(name, "default")) return name;
    size_t word = strlen("profile");
    if (!span_starts(name, "profile") || name.size == word ||
        span_trim(span_of(name.at + word, 1)).size)
        return (span){0};
    return span_trim(span_tail(name, word));
}

static bool setting_add(span line, profile *p, err *e)
{
    span name = {0};
    span value = line;
    if (!memchr(line.at, '=', line.size) || !span_cut(&value, '=', &name))
        return err_set(e, ERR_FORMAT, "a line of profile '%s' is not 'name = value'", p->name);
    char *text = mem_text(span_trim(name));
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    value = span_trim(value);
    bool there = profile_get(p, text) != NULL;
    bool fits = there || (p->count < PROFILE_SETTINGS_MAX && value.size <= SECRET_SIZE_MAX);
    if (there || !fits) {
        free(text);
        return fits || err_set(e, ERR_LIMIT,
                               "profile '%s' has more than %zu settings, or one of "
                               "more than %zu bytes",
                               p->name, PROFILE_SETTINGS_MAX, SECRET_SIZE_MAX);
    }
    p->at[p->count].name = text;
    secret_set(&p->at[p->count].value, value);
    p->count++;
    return true;
}

bool profile_read(span text, profile_file kind, profile *p, err *e)
{
    span line = {0};
    bool mine = false;
    while (span_cut(&text, '\n', &line)) {
        span bare = span_trim(line);
        if (bare.size == 0 || bare.at[0] == '#' || bare.at[0] == ';') continue;
        if (line.at[0] == '[') {
            mine = span_is(section_name(line, kind), p->name);
            p->exists = p->exists || mine;
            continue;
        }
        if (!mine || line.at[0] == ' ' || line.at[0] == '\t') continue;
        if (!setting_add(bare, p, e)) return false;
    }
    return true;
}

static bool file_read(const char *path, buf *ret, err *e)
{
    FILE *f = fopen(path, "rbe");
    if (!f) return errno == ENOENT || err_sys(e, errno, "open '%s'", path);
    uint8_t piece[4096];
    size_t got = 0;
    bool fits = true;
    while (fits && (got = fread(piece, 1, sizeof piece, f)) > 0)
        fits = buf_append(ret, span_of(piece, got));
    bool broken = ferror(f) != 0;
    explicit_bzero(piece, sizeof piece);
    (void)fclose(f); /* it was only read */
    if (broken) return err_set(e, ERR_IO, "'%s' cannot be read", path);
    return fits || err_set(e, ERR_LIMIT, "'%s' is larger than %zu bytes", path, PROFILE_FILE_MAX);
}

static bool
file_add(const char *variable, const char *standard, profile_file kind, profile *p, err *e)
{
    CLEANUP(buf_wipe) buf text = buf_of(PROFILE_FILE_MAX);
    CLEANUP(mem_free_at) char *path = NULL;
    const char *set = secure_getenv(variable);
    const char *home = secure_getenv("HOME");
    if (set && *set) {
        path = mem_text(span_text(set));
    } else if (!home || asprintf(&path, "%s/.aws/%s", home, standard) < 0) {
        path = NULL;
        return true; /* no home, no file */
    }
    return file_read(path, &text, e) &&
           (profile_read(buf_span(&text), kind, p, e) || err_wrap(e, "'%s'", path));
}

bool profile_load(const char *name, profile *ret, err *e)
{
    static const char *const variables[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
    profile p = {0};
    for (size_t i = 0; i < COUNT_OF(variables) && (!name || !*name); i++)
        name = secure_getenv(variables[i]);
    bool named = name && *name;
    p.name = mem_text(span_text(named ? name : "default"));
    bool good =
        file_add("AWS_SHARED_CREDENTIALS_FILE", "credentials", PROFILE_CREDENTIALS, &p, e) &&
        file_add("AWS_CONFIG_FILE", "config", PROFILE_CONFIG, &p, e);
    if (good && named && !p.exists) {
        (void)err_set(e, ERR_USAGE, "AWS profile '%s' is in no file", p.name);
        good = err_hint(e, "'aws configure list-profiles' shows those that are there");
    }
    if (!good) {
        profile_clear(&p);
        return false;
    }
    *ret = p;
    return true;
}

void profile_clear(profile *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->at[i].name);
        secret_clear(&p->at[i].value);
    }
    free(p->name);
    *p = (profile){0};
}

const secret *profile_get(const profile *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->at[i].name, name) == 0) return &p->at[i].value;
    return NULL;
}

char *profile_text(const profile *p, const char *name)
{
    const secret *value = profile_get(p, name);
    return value && value->size ? mem_text(secret_span(value)) : NULL;
}
