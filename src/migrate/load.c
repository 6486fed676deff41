#include "migrate/load.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "journal/journal.h"

#define KNOWN "file_checked" /* what the first reading found, in the journal */
/* The spool of a file holds this much at most, but a value must fit twice: marks stand behind it.
 */
#define SPOOL_BYTES ((uint64_t)512 * MIB)

static bool file_look(load_source *l, err *e)
{
    int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    bool done = fd >= 0 ? receiver_file_look(fd, &l->file, e) : err_sys(e, errno, "open");
    if (fd >= 0) (void)close(fd); /* nothing was written */
    l->file.path = l->path;
    if (done) return true;
    (void)err_wrap(e, "'%s'", l->path);
    return err_blame(e, SIDE_SOURCE);
}

/* Who the content is: its CRC64, its size and its RDB version. */
static void identity_make(load_source *l)
{
    const dump_summary *s = &l->summary;
    (void)snprintf(l->file.identity, sizeof l->file.identity, "%016" PRIx64 "%016" PRIx64 "%08x",
                   s->crc, s->file_bytes, (unsigned)s->version);
    _Static_assert(sizeof l->file.identity == 16 + 16 + 8 + 1, "all of it fits");
}

static bool file_read(load_source *l, err *e)
{
    dump_options o = {.largest_max = 1};
    uint64_t used = 0;
    receiver_file before = l->file;
    log_info("reading '%s' (%" PRIu64 " bytes) through: checksum, and what is in it", l->path,
             l->file.size);
    dump_summary_clear(&l->summary);
    if (!dump_read(l->path, &o, &l->summary, e)) return false;
    if (!file_look(l, e)) return false;
    if (before.size != l->file.size || before.changed_ns != l->file.changed_ns) {
        (void)err_set(e, ERR_STATE, "'%s' changes while it is read", l->path);
        (void)err_hint(e, "wait until whoever writes it is done, or copy it first");
        return err_blame(e, SIDE_SOURCE);
    }
    const char *text = dump_aux_find(&l->summary, "used-mem");
    if (text && !span_to_u64(span_text(text), &used)) used = 0;
    identity_make(l);
    l->file.bytes = l->summary.file_bytes;
    l->largest = l->summary.largest_count ? l->summary.largest[0].bytes : 0;
    l->used_memory = used;
    l->is_checked = true;
    if (!l->summary.has_checksum)
        log_warn("'%s' has no checksum (rdbchecksum no): only its form could be checked", l->path);
    return true;
}

/* "identity bytes largest used-memory size device inode mtime" */
static bool known_write(const load_source *l, struct journal *j, err *e)
{
    char text[320];
    const receiver_file *f = &l->file;
    (void)snprintf(text, sizeof text,
                   "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                   " %" PRId64,
                   f->identity, f->bytes, l->largest, l->used_memory, f->size, f->device, f->inode,
                   f->changed_ns);
    return journal_set(j, KNOWN, text, e);
}

static bool known_read(const char *text, load_source *ret)
{
    span rest = span_text(text);
    span word = {0};
    int64_t changed_ns = 0;
    uint64_t *const numbers[] = {&ret->file.bytes, &ret->largest,     &ret->used_memory,
                                 &ret->file.size,  &ret->file.device, &ret->file.inode};
    if (!span_cut(&rest, ' ', &word) || word.size != REPLID_SIZE) return false;
    memcpy(ret->file.identity, word.at, word.size);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (!span_cut(&rest, ' ', &word) || !span_to_u64(word, numbers[i])) return false;
    if (!span_to_i64(rest, &changed_ns)) return false;
    ret->file.changed_ns = changed_ns;
    return true;
}

static bool is_untouched(const receiver_file *a, const receiver_file *b)
{
    return a->size == b->size && a->device == b->device && a->inode == b->inode &&
           a->changed_ns == b->changed_ns;
}

bool load_check(load_source *l, const char *path, struct journal *j, bool whole, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *text = NULL;
    load_source known = {0};
    free(l->path);
    l->path = mem_text(span_text(path));
    if (!journal_get(j, KNOWN, &memory, &text, e) || !file_look(l, e)) return false;
    bool is_known = text && known_read(text, &known);
    if (is_known && !whole && is_untouched(&l->file, &known.file)) {
        known.path = l->path;
        known.file.path = l->path;
        *l = known;
        return true;
    }
    if (!file_read(l, e)) return false;
    if (is_known && strcmp(known.file.identity, l->file.identity) != 0) {
        (void)err_set(e, ERR_STATE, "'%s' is not the file that this move began with", path);
        (void)err_hint(e, "put the old one back, or abort and begin a new move in another work "
                          "directory");
        return err_blame(e, SIDE_SOURCE);
    }
    return known_write(l, j, e);
}

void load_clear(load_source *l)
{
    dump_summary_clear(&l->summary);
    free(l->path);
    *l = (load_source){0};
}

uint64_t load_spool_bytes(const load_source *l, uint64_t bytes_max)
{
    uint64_t need = 2 * l->largest + SPOOL_BYTES / 4;
    if (need < SPOOL_BYTES) need = SPOOL_BYTES;
    return need < bytes_max ? need : bytes_max;
}
