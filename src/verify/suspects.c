#include "verify/suspects.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"

/* A key's name is at most this long (the passes refuse longer ones). */
#define NAME_MAX_SIZE (8 * MIB)

struct suspects {
    const char *directory;
    buf memory; /* records not yet in the file */
    FILE *file; /* NULL: nothing was spilled */
    uint64_t spilled_size;
    uint64_t count;
    uint64_t read_count; /* records handed out since the rewind */
    size_t memory_at;    /* reading position, once the file is read */
    uint64_t file_left;
    buf key; /* of the record read last, when it came from the file */
};

typedef struct {
    suspect what;
    uint64_t key_size;
} record;

suspects *suspects_new(const char *directory)
{
    suspects *s = mem_alloc(sizeof *s);
    const char *set = directory ? directory : secure_getenv("TMPDIR");
    s->directory = set && set[0] ? set : "/tmp";
    s->memory = buf_of(SUSPECTS_MEMORY_MAX + NAME_MAX_SIZE + sizeof(record));
    s->key = buf_of(NAME_MAX_SIZE);
    return s;
}

void suspects_free(suspects *s)
{
    if (!s) return;
    buf_clear(&s->memory);
    buf_clear(&s->key);
    if (s->file) (void)fclose(s->file); /* it has no name and is not needed any more */
    free(s);
}

static bool file_make(suspects *s, err *e)
{
    int fd = open(s->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a file system that knows no nameless files */
        char name[512];
        (void)snprintf(name, sizeof name, "%s/handover-verify-XXXXXX", s->directory);
        fd = mkostemp(name, O_CLOEXEC);
        if (fd < 0) {
            (void)err_sys(e, errno, "a temporary file in '%s'", s->directory);
            return err_hint(e, "set TMPDIR to a directory that can be written");
        }
        (void)unlink(name); /* stays behind at worst, and holds only names of keys */
    }
    s->file = fdopen(fd, "w+b");
    if (s->file) return true;
    int problem = errno;
    (void)close(fd);
    return err_sys(e, problem, "a temporary file in '%s'", s->directory);
}

static bool spill(suspects *s, err *e)
{
    if (!s->file && !file_make(s, e)) return false;
    if (fwrite(s->memory.at, 1, s->memory.size, s->file) != s->memory.size) {
        (void)err_sys(e, errno, "write the list of suspects to '%s'", s->directory);
        return err_hint(e, "set TMPDIR to a directory with more room");
    }
    s->spilled_size += s->memory.size;
    s->memory.size = 0;
    buf_shrink(&s->memory, SUSPECTS_MEMORY_MAX);
    return true;
}

bool suspects_add(suspects *s, const suspect *what, span key, err *e)
{
    record r = {.what = *what, .key_size = key.size};
    if (key.size > NAME_MAX_SIZE) {
        return err_set(e, ERR_LIMIT, "a key's name of %zu bytes, limit %zu", key.size,
                       NAME_MAX_SIZE);
    }
    bool fits = buf_append(&s->memory, span_of(&r, sizeof r)) && buf_append(&s->memory, key);
    assert(fits); /* the limit has room for one record of any size */
    s->count++;
    return s->memory.size <= SUSPECTS_MEMORY_MAX || spill(s, e);
}

uint64_t suspects_count(const suspects *s)
{
    return s->count;
}

bool suspects_full(const suspects *s)
{
    return s->spilled_size + s->memory.size >= SUSPECTS_SIZE_MAX;
}

bool suspects_spilled(const suspects *s)
{
    return s->spilled_size > 0;
}

void suspects_clear(suspects *s)
{
    s->memory.size = 0;
    s->count = s->read_count = s->spilled_size = 0;
    s->memory_at = 0;
    s->file_left = 0;
    if (s->file) (void)fclose(s->file); /* its space is given back by that */
    s->file = NULL;
}

bool suspects_rewind(suspects *s, err *e)
{
    s->read_count = 0;
    s->memory_at = 0;
    s->file_left = s->spilled_size;
    if (s->file && (fflush(s->file) != 0 || fseek(s->file, 0, SEEK_SET) != 0))
        return err_sys(e, errno, "the list of suspects in '%s'", s->directory);
    return true;
}

static bool file_take(suspects *s, void *to, size_t size, err *e)
{
    if (size == 0 || fread(to, 1, size, s->file) == size) {
        s->file_left -= size;
        return true;
    }
    return err_sys(e, errno, "read the list of suspects in '%s'", s->directory);
}

bool suspects_next(suspects *s, suspect *ret, span *ret_key, err *e)
{
    record r;
    *e = (err){0};
    if (s->read_count == s->count) return false;
    if (s->file_left > 0) {
        if (!file_take(s, &r, sizeof r, e)) return false;
        s->key.size = 0;
        bool fits = buf_reserve(&s->key, r.key_size);
        assert(fits);
        if (!file_take(s, s->key.at, r.key_size, e)) return false;
        *ret_key = span_of(s->key.at, r.key_size);
    } else {
        assert(sizeof r <= s->memory.size - s->memory_at);
        memcpy(&r, s->memory.at + s->memory_at, sizeof r);
        *ret_key = span_of(s->memory.at + s->memory_at + sizeof r, r.key_size);
        s->memory_at += sizeof r + r.key_size;
        assert(s->memory_at <= s->memory.size);
    }
    s->read_count++;
    *ret = r.what;
    return true;
}
