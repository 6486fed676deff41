/* From files: a configuration file, and what an operator saved of a server.
 *
 * The saved text is the output of INFO ALL, and may be followed by those of CLIENT LIST and of ACL
 * LIST: their lines begin with "id=" and "user ", so they tell themselves apart. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "audit/parse.h"
#include "audit/settings.h"
#include "base/buf.h"

#define INCLUDES_MAX 64 /* files; a circle of them ends here */

typedef struct {
    size_t count;
    conf_line *lines;
} conf_list;

bool audit_file_read(const char *path, arena *memory, span *ret, err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_sys(e, errno, "open '%s'", path);
        (void)err_blame(e, SIDE_SOURCE);
        return err_hint(e, "name a file that can be read");
    }
    buf all = buf_of(CONF_BYTES_MAX);
    ssize_t n = 1;
    while (n > 0 && buf_reserve(&all, 64 * KIB)) {
        n = read(fd, all.at + all.size, 64 * KIB);
        if (n > 0) all.size += (size_t)n;
    }
    int problem = n < 0 ? errno : 0;
    (void)close(fd); /* it was only read */
    bool done = n == 0;
    if (done) *ret = arena_copy(memory, buf_span(&all));
    buf_clear(&all);
    if (n < 0) (void)err_sys(e, problem, "read '%s'", path);
    if (n > 0) (void)err_set(e, ERR_LIMIT, "'%s' has more than %zu bytes", path, CONF_BYTES_MAX);
    if (done) return true;
    (void)err_blame(e, SIDE_SOURCE);
    return err_hint(e, n > 0 ? "save less in one file: of many clients some thousand tell enough"
                             : "name a file that can be read");
}

/* A saved text has lines of three kinds; each goes where it belongs. */
static void saved_take(audit_facts *f, audit_node *n, span text)
{
    buf info = buf_of(text.size + 1);
    span rest = text;
    span line = {0};
    size_t users = 0;
    parse_clients(text, &f->memory, n);
    while (span_cut(&rest, '\n', &line)) {
        bool is_user = span_starts(line, "user ");
        users += is_user;
        if (is_user || span_starts(line, "id=")) continue;
        bool fits = buf_append(&info, line) && buf_u8(&info, '\n');
        assert(fits); /* no more than was there */
    }
    parse_info(buf_span(&info), &f->memory, n);
    buf_clear(&info);
    n->users = arena_alloc(&f->memory, (users + 1) * sizeof *n->users);
    rest = text;
    while (span_cut(&rest, '\n', &line))
        if (parse_user(line, &f->memory, &n->users[n->user_count])) n->user_count++;
}

/* Without INFO the file itself tells the product at best. */
static void version_assume(audit_facts *f, audit_node *n, span conf)
{
    size_t at = 0;
    bool is_valkey = span_find(conf, span_text("valkey"), &at);
    n->version = is_valkey ? (engine_version){.product = ENGINE_VALKEY, .major = 8}
                           : (engine_version){.product = ENGINE_REDIS, .major = 7};
    unread_add(f, n, "INFO", "no saved INFO was given (--info FILE)",
               arena_printf(&f->memory,
                            "the version (%s is assumed), commands in use, clients, memory",
                            engine_version_show(&n->version).text));
}

/* A path that a file names, from the place of the first file unless it is absolute. */
static const char *named_path(const audit_options *o, audit_facts *f, const char *named)
{
    const char *slash = strrchr(o->conf_path, '/');
    if (named[0] == '/' || !slash) return named;
    return arena_printf(&f->memory, "%.*s/%s", (int)(slash - o->conf_path), o->conf_path, named);
}

/* What a configuration file names, a regular file only: a pipe would be waited for. */
static bool named_file_read(const char *path, arena *memory, span *ret, err *e)
{
    struct stat is;
    if (stat(path, &is) == 0 && !S_ISREG(is.st_mode)) {
        (void)err_set(e, ERR_FORMAT, "'%s' is no regular file", path);
        return err_blame(e, SIDE_SOURCE);
    }
    return audit_file_read(path, memory, ret, e);
}

/* The lines of one included file, behind line `at`. */
static void
include_lines(audit_facts *f, const char *path, size_t at, conf_list *list, audit_node *n)
{
    err e = {0};
    span text = {0};
    size_t count = 0;
    conf_line *lines = NULL;
    if (!named_file_read(path, &f->memory, &text, &e)) {
        unread_add(f, n, arena_printf(&f->memory, "include %s", path), e.text,
                   "what that file sets");
        return;
    }
    conf_read(text, &f->memory, &count, &lines);
    if (list->count + count > CONF_LINES_MAX) {
        unread_add(f, n, arena_printf(&f->memory, "include %s", path), "too many lines in all",
                   "what that file sets");
        return;
    }
    conf_line *all = arena_alloc(&f->memory, (list->count + count) * sizeof *all);
    memcpy(all, list->lines, (at + 1) * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[at + 1 + i] = lines[i];
        all[at + 1 + i].path = path;
    }
    memcpy(all + at + 1 + count, list->lines + at + 1, (list->count - at - 1) * sizeof *all);
    *list = (conf_list){.lines = all, .count = list->count + count};
}

/* Included files stand in the place of their line, as the engines read them; files that match a
 * pattern in reverse, for each is put right behind the line. */
static void includes_follow(const audit_options *o, audit_facts *f, audit_node *n, conf_list *list)
{
    size_t files = 0;
    for (size_t i = 0; i < list->count; i++) {
        const conf_line *line = &list->lines[i];
        if (line->problem || strcmp(line->name, "include") != 0 || line->word_count == 0) continue;
        const char *path = named_path(o, f, line->words[0]);
        glob_t found = {0};
        int failed = glob(path, GLOB_NOCHECK, NULL, &found); /* NOLINT(concurrency*) */
        if (failed) found.gl_pathc = 0;
        files += found.gl_pathc;
        for (size_t k = found.gl_pathc; k > 0 && files <= INCLUDES_MAX; k--)
            include_lines(f, arena_text(&f->memory, span_text(found.gl_pathv[k - 1])), i, list, n);
        globfree(&found);
        if (files > INCLUDES_MAX) {
            unread_add(f, n, arena_printf(&f->memory, "include %s", path), "too many files",
                       "what that file sets");
            return;
        }
    }
}

/* Users of an 'aclfile', when nothing else told them. */
static void aclfile_read(const audit_options *o, audit_facts *f, audit_node *n)
{
    const char *named = NULL;
    for (size_t i = 0; i < n->setting_count; i++)
        if (strcmp(n->settings[i].name, "aclfile") == 0) named = n->settings[i].file;
    if (f->is_live || n->user_count > 0 || !named || !*named) return;
    err e = {0};
    span text = {0};
    span line = {0};
    const char *path = named_path(o, f, named);
    struct stat is;
    const char *base = strrchr(named, '/');
    if (base && stat(path, &is) != 0) path = named_path(o, f, base + 1); /* a copy of it */
    if (!named_file_read(path, &f->memory, &text, &e)) {
        unread_add(f, n, arena_printf(&f->memory, "aclfile %s", named), e.text,
                   "users and their rights");
        return;
    }
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++)
        lines += text.at[i] == '\n';
    n->users = arena_alloc(&f->memory, lines * sizeof *n->users);
    while (span_cut(&text, '\n', &line))
        if (parse_user(line, &f->memory, &n->users[n->user_count])) n->user_count++;
}

bool audit_collect_offline(const audit_options *o, audit_facts *f, err *e)
{
    if (f->node_count == 0) {
        f->nodes = arena_alloc(&f->memory, sizeof *f->nodes);
        f->node_count = 1;
        f->nodes[0].address = o->info_path ? o->info_path : o->conf_path;
    }
    audit_node *n = &f->nodes[0];
    span conf = {0};
    span info = {0};
    if (o->conf_path && !audit_file_read(o->conf_path, &f->memory, &conf, e)) return false;
    if (o->info_path && !audit_file_read(o->info_path, &f->memory, &info, e)) return false;
    if (o->info_path) {
        saved_take(f, n, info);
        if (!n->has_version) {
            (void)err_set(e, ERR_FORMAT, "'%s' is no saved INFO: it names no version",
                          o->info_path);
            (void)err_hint(e, "redis-cli INFO ALL > FILE; CLIENT LIST and ACL LIST may follow");
            return err_blame(e, SIDE_SOURCE);
        }
    }
    if (!n->has_version && !f->is_live && !o->dump_path) version_assume(f, n, conf);
    if (!o->conf_path) return true;
    conf_list list = {0};
    conf_read(conf, &f->memory, &list.count, &list.lines);
    f->conf_path = o->conf_path;
    if (list.count > CONF_LINES_MAX) {
        (void)err_set(e, ERR_LIMIT, "'%s' has more than %zu lines", o->conf_path, CONF_LINES_MAX);
        return err_blame(e, SIDE_SOURCE);
    }
    includes_follow(o, f, n, &list);
    settings_add_file(f, n, list.count, list.lines);
    aclfile_read(o, f, n);
    return true;
}
