#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/openssl.h"
#include <openssl/rand.h>

#define COPY_PIECE (256 * KIB)

static char *path_of(struct store *s, const char *name, arena *memory)
{
    return arena_printf(memory, "%s/data/%s", s->folder, name);
}

void files_name(char ret[FILE_NAME_SIZE + 1])
{
    uint8_t random[FILE_NAME_SIZE / 2];
    int done = RAND_bytes(random, sizeof random);
    assert(done == 1);
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", random[i]);
}

bool files_make(struct store *s, char ret_name[FILE_NAME_SIZE + 1], int *ret_fd, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    files_name(ret_name);
    const char *path = path_of(s, ret_name, &memory);
    *ret_fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    return *ret_fd >= 0 || err_sys(e, errno, "make '%s'", path);
}

void files_remove(struct store *s, const char *name)
{
    CLEANUP(arena_clear) arena memory = {0};
    (void)unlink(path_of(s, name, &memory)); /* what stays goes at the next start */
}

/* The next of the lines of an object: its name and its size. */
static bool line_next(span *rest, span *ret_name, uint64_t *ret_size)
{
    span line = {0};
    return span_cut(rest, '\n', &line) && span_cut(&line, ' ', ret_name) &&
           span_to_u64(line, ret_size);
}

void files_remove_all(struct store *s, const char *files)
{
    span rest = span_text(files);
    span name = {0};
    uint64_t size = 0;
    while (line_next(&rest, &name, &size)) {
        CLEANUP(arena_clear) arena memory = {0};
        files_remove(s, arena_text(&memory, name));
    }
}

bool files_write(int fd, span piece, err *e)
{
    for (size_t done = 0; done < piece.size;) {
        ssize_t got = write(fd, piece.at + done, piece.size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_sys(e, errno, "write an object");
        done += (size_t)got;
    }
    return true;
}

bool files_link(struct store *s, const char *files, buf *ret, err *e)
{
    span rest = span_text(files);
    span name = {0};
    uint64_t size = 0;
    while (line_next(&rest, &name, &size)) {
        CLEANUP(arena_clear) arena memory = {0};
        char made[FILE_NAME_SIZE + 1];
        files_name(made);
        if (link(path_of(s, arena_text(&memory, name), &memory), path_of(s, made, &memory)) != 0)
            return err_sys(e, errno, "link an object");
        if (!buf_printf(ret, "%s %" PRIu64 "\n", made, size))
            return err_set(e, ERR_LIMIT, "an object of too many files");
    }
    return true;
}

/* --- cleaning -------------------------------------------------------------------------------- */

typedef struct {
    arena memory;
    const char **names;
    size_t count, capacity;
} name_list;

static void name_add(void *context, const char *files)
{
    name_list *l = context;
    span rest = span_text(files);
    span name = {0};
    uint64_t size = 0;
    while (line_next(&rest, &name, &size)) {
        if (l->count == l->capacity) {
            l->capacity = l->capacity ? 2 * l->capacity : 64;
            l->names = mem_realloc(l->names, l->capacity * sizeof *l->names);
        }
        l->names[l->count++] = arena_text(&l->memory, name);
    }
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool files_clean(struct store *s, err *e)
{
    name_list l = {0};
    bool good = index_each_files(s, name_add, &l, e);
    if (l.count > 1) qsort(l.names, l.count, sizeof *l.names, name_order);
    DIR *d = good ? opendir(path_of(s, "", &l.memory)) : NULL;
    if (good && !d) good = err_sys(e, errno, "open the folder of objects");
    for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d)) { /* NOLINT */
        const char *name = entry->d_name;
        if (name[0] == '.') continue;
        bool known = l.count > 0 && bsearch(&name, l.names, l.count, sizeof name, name_order);
        if (!known) files_remove(s, name);
    }
    if (d) (void)closedir(d);
    free(l.names);
    arena_clear(&l.memory);
    return good;
}

/* --- reading --------------------------------------------------------------------------------- */

typedef struct {
    const char *path;
    uint64_t begin; /* in the object */
    uint64_t size;
} reader_file;

struct store_reader {
    arena memory;
    reader_file *files;
    size_t count;
    size_t at;
    int fd; /* of the file at `at` */
    uint64_t first;
};

static bool reader_open(struct store_reader *r, size_t at)
{
    if (r->fd >= 0) (void)close(r->fd);
    r->at = at;
    r->fd = open(r->files[at].path, O_RDONLY | O_CLOEXEC);
    return r->fd >= 0;
}

/* The file with that byte of the object; `count` when there is none. */
static size_t reader_find(const struct store_reader *r, uint64_t offset)
{
    size_t low = 0;
    size_t high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (offset < r->files[middle].begin + r->files[middle].size) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

bool files_reader(
    struct store *s, const char *files, uint64_t first, struct store_reader **ret, err *e)
{
    struct store_reader *r = mem_alloc(sizeof *r);
    span rest = span_text(files);
    span name = {0};
    uint64_t size = 0;
    uint64_t begin = 0;
    size_t lines = 0;
    for (const char *at = files; *at; at++)
        lines += *at == '\n';
    r->fd = -1;
    r->first = first;
    r->files = arena_alloc(&r->memory, (lines + 1) * sizeof *r->files);
    while (line_next(&rest, &name, &size)) {
        const char *path = path_of(s, arena_text(&r->memory, name), &r->memory);
        r->files[r->count++] = (reader_file){.path = path, .begin = begin, .size = size};
        begin += size;
    }
    size_t at = reader_find(r, first);
    if (at < r->count && !reader_open(r, at)) {
        (void)err_sys(e, errno, "open '%s'", r->files[at].path);
        store_reader_free(r);
        return false;
    }
    *ret = r;
    return true;
}

size_t store_reader_read(struct store_reader *r, uint64_t offset, void *to, size_t size)
{
    uint64_t place = r->first + offset;
    size_t at = reader_find(r, place);
    if (at == r->count || ((r->fd < 0 || at != r->at) && !reader_open(r, at))) return 0;
    const reader_file *f = &r->files[at];
    uint64_t left = f->begin + f->size - place;
    ssize_t got = pread(r->fd, to, left < size ? (size_t)left : size, (off_t)(place - f->begin));
    return got > 0 ? (size_t)got : 0;
}

void store_reader_free(struct store_reader *r)
{
    if (!r) return;
    if (r->fd >= 0) (void)close(r->fd);
    arena_clear(&r->memory);
    free(r);
}

bool files_copy(struct store_reader *r, uint64_t count, int fd, checksum_value *ret_md5, err *e)
{
    CLEANUP(mem_free_at) uint8_t *piece = mem_alloc(COPY_PIECE);
    checksum md5;
    bool done = true;
    checksum_begin(&md5, ret_md5 ? CHECKSUM_MD5 : CHECKSUM_NONE);
    for (uint64_t at = 0; done && at < count;) {
        uint64_t left = count - at;
        size_t got = store_reader_read(r, at, piece, left < COPY_PIECE ? (size_t)left : COPY_PIECE);
        if (got == 0) done = err_set(e, ERR_IO, "a file of an object is shorter than its index");
        done = done && files_write(fd, span_of(piece, got), e);
        checksum_add(&md5, span_of(piece, got));
        at += got;
    }
    checksum_value digest = checksum_end(&md5);
    if (ret_md5) *ret_md5 = digest;
    return done;
}
