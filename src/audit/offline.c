/* From files: a configuration file, and what an operator saved of a server.
 *
 * The saved text is the output of INFO ALL, and may be followed by those of CLIENT LIST and of ACL
 * LIST: their lines begin with "id=" and "user ", so they tell themselves apart. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "audit/parse.h"
#include "audit/settings.h"
#include "base/buf.h"

bool audit_file_read(const char *path, arena *memory, span *ret, err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_sys(e, errno, "open '%s'", path);
        return err_blame(e, SIDE_SOURCE);
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
    return done || err_blame(e, SIDE_SOURCE);
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
    if (!n->has_version && !f->is_live) version_assume(f, n, conf);
    if (!o->conf_path) return true;
    size_t count = 0;
    conf_line *lines = NULL;
    conf_read(conf, &f->memory, &count, &lines);
    f->conf_path = o->conf_path;
    settings_add_file(f, n, count, lines);
    return true;
}
