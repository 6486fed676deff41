#include "verify/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc64.h"

#define FORMAT "handover-verify 1"
#define TEXT_MAX ((size_t)1024) /* of one line without its key */
#define NAMES_MAX 100000        /* databases, examples */

/* ---- numbers that are saved by name ---- */

#define OF_RESULT(field)                                                                           \
    {                                                                                              \
#field, offsetof(verify_result, field)                                                     \
    }
static const struct {
    const char *name;
    size_t at; /* a uint64_t of the result */
} counters[] = {
    OF_RESULT(compared),    OF_RESULT(held),  OF_RESULT(bytes),
    OF_RESULT(bookkeeping), OF_RESULT(large), OF_RESULT(rechecked),
};

static uint64_t *counter(verify_result *r, size_t i)
{
    return (uint64_t *)(void *)((char *)r + counters[i].at);
}

/* ---- writing ---- */

typedef struct {
    FILE *to;
    uint64_t crc;
    bool failed;
} writer;

static void put_bytes(writer *w, const char *bytes, size_t size)
{
    w->crc = crc64_update(w->crc, span_of(bytes, size));
    w->failed = w->failed || fwrite(bytes, 1, size, w->to) != size;
}

static void put(writer *w, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(writer *w, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(size >= 0 && (size_t)size < sizeof text);
    put_bytes(w, text, (size_t)size);
}

static void put_hex(writer *w, span bytes)
{
    static const char digits[] = "0123456789abcdef";
    char text[512];
    size_t used = 0;
    put_bytes(w, bytes.size ? " " : " -", bytes.size ? 1 : 2);
    for (size_t i = 0; i < bytes.size; i++) {
        text[used++] = digits[bytes.at[i] >> 4];
        text[used++] = digits[bytes.at[i] & 15];
        if (used == sizeof text || i + 1 == bytes.size) {
            put_bytes(w, text, used);
            used = 0;
        }
    }
}

static bool put_suspects(writer *w, suspects *open, err *e)
{
    suspect s;
    span key;
    if (!suspects_rewind(open, e)) return false;
    while (suspects_next(open, &s, &key, e)) {
        put(w, "suspect %d %d %d", s.db, (int)s.large, (int)s.class);
        put_hex(w, key);
        put(w, "\n");
    }
    return e->kind == ERR_NONE;
}

bool saved_write(FILE *to, const saved_state *s, err *e)
{
    writer w = {.to = to};
    verify_result *r = s->result;
    uint64_t hash = 0;
    put(&w, FORMAT "\nsource %s\ntarget %s\n", s->source_id, s->target_id);
    put(&w, "tolerance %" PRId64 "\nbegan %" PRId64 "\nspent %" PRId64 "\ntimes %" PRId64 "\n",
        s->ttl_tolerance_ms, s->began_ms, s->spent_ms, s->times);
    for (size_t i = 0; i < COUNT_OF(counters); i++)
        put(&w, "count %s %" PRIu64 "\n", counters[i].name, *counter(r, i));
    for (int c = 0; c < VERIFY_CLASSES; c++)
        put(&w, "class %d %" PRIu64 "\n", c, r->counts[c]);
    for (size_t i = 0; i < r->db_count; i++) {
        put(&w, "db %d %" PRIu64 " %" PRIu64 "\n", r->dbs[i].db, r->dbs[i].compared,
            r->dbs[i].on_target);
    }
    put(&w, "place %zu %d %" PRIu64 " %" PRIu64 "\n", s->place.db_index, (int)s->place.stage,
        s->place.position, s->place.expires);
    for (size_t at = 0; tally_known(s->tally, &at, &hash);)
        put(&w, "known %" PRIu64 "\n", hash);
    for (size_t i = 0; i < r->example_count; i++) {
        put(&w, "example %d %d", (int)r->examples[i].class, r->examples[i].db);
        put_hex(&w, r->examples[i].key);
        put_hex(&w, span_text(r->examples[i].detail));
        put(&w, "\n");
    }
    if (!put_suspects(&w, s->open, e)) return false;
    put(&w, "end %" PRIu64 "\n", w.crc);
    if (w.failed) return err_sys(e, errno, "write");
    return true;
}

/* ---- reading ---- */

typedef struct {
    FILE *from;
    buf line;
    buf bytes; /* of the key, and of the detail behind it */
    uint64_t number;
    uint64_t crc; /* of all before this line */
    uint64_t crc_next;
} reader;

/* False with ERR_NONE: the end of the file. */
static bool line_next(reader *r, span *ret, err *e)
{
    *e = (err){0};
    r->line.size = 0;
    r->number++;
    for (;;) {
        int c = getc_unlocked(r->from); /* NOLINT(concurrency*): this thread's alone */
        if (c == EOF) break;
        if (!buf_u8(&r->line, (uint8_t)c)) {
            return err_set(e, ERR_FORMAT, "line %" PRIu64 " is longer than %zu bytes", r->number,
                           SAVED_LINE_MAX);
        }
        if (c != '\n') continue;
        r->crc = r->crc_next;
        r->crc_next = crc64_update(r->crc, buf_span(&r->line));
        *ret = span_of(r->line.at, r->line.size - 1);
        return true;
    }
    if (ferror(r->from)) return err_sys(e, errno, "read");
    return r->line.size == 0 ? false
                             : err_set(e, ERR_FORMAT, "line %" PRIu64 " is cut off", r->number);
}

static bool take_u64(span *rest, uint64_t most, uint64_t *ret)
{
    span word;
    return span_cut(rest, ' ', &word) && span_to_u64(word, ret) && *ret <= most;
}

static bool take_i64(span *rest, int64_t *ret)
{
    uint64_t value = 0;
    if (!take_u64(rest, INT64_MAX, &value)) return false;
    *ret = (int64_t)value;
    return true;
}

/* A database, or -1 for functions. */
static bool take_db(span *rest, int *ret)
{
    span word;
    int64_t value = 0;
    if (!span_cut(rest, ' ', &word) || !span_to_i64(word, &value) || value < -1 || value > INT_MAX)
        return false;
    *ret = (int)value;
    return true;
}

/* Only what is written here: lower case. */
static int own_digit(uint8_t c)
{
    return c >= 'A' && c <= 'F' ? -1 : hex_digit(c);
}

/* Appends to r->bytes. */
static bool take_hex(reader *r, span *rest, size_t *ret_size)
{
    span word;
    *ret_size = 0;
    if (!span_cut(rest, ' ', &word) || word.size == 0) return false;
    if (span_is(word, "-")) return true;
    if (word.size % 2 != 0) return false;
    for (size_t i = 0; i < word.size; i += 2) {
        int high = own_digit(word.at[i]);
        int low = own_digit(word.at[i + 1]);
        if (high < 0 || low < 0 || !buf_u8(&r->bytes, (uint8_t)(high << 4 | low))) return false;
    }
    *ret_size = word.size / 2;
    return true;
}

static bool take_id(span *rest, char ret[48])
{
    span word;
    if (!span_cut(rest, ' ', &word) || word.size == 0 || word.size > 47) return false;
    memcpy(ret, word.at, word.size);
    ret[word.size] = '\0';
    return strlen(ret) == word.size;
}

static bool read_source(reader *r, span rest, saved_state *s)
{
    (void)r;
    return take_id(&rest, s->source_id);
}

static bool read_target(reader *r, span rest, saved_state *s)
{
    (void)r;
    return take_id(&rest, s->target_id);
}

static bool read_tolerance(reader *r, span rest, saved_state *s)
{
    (void)r;
    return take_i64(&rest, &s->ttl_tolerance_ms);
}

static bool read_began(reader *r, span rest, saved_state *s)
{
    (void)r;
    return take_i64(&rest, &s->began_ms);
}

static bool read_spent(reader *r, span rest, saved_state *s)
{
    (void)r;
    return take_i64(&rest, &s->spent_ms);
}

static bool read_times(reader *r, span rest, saved_state *s)
{
    (void)r;
    return take_i64(&rest, &s->times);
}

static bool read_count(reader *r, span rest, saved_state *s)
{
    span name;
    (void)r;
    if (!span_cut(&rest, ' ', &name)) return false;
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        if (!span_is(name, counters[i].name)) continue;
        return take_u64(&rest, UINT64_MAX, counter(s->result, i));
    }
    return false;
}

static bool read_class(reader *r, span rest, saved_state *s)
{
    uint64_t class = 0;
    (void)r;
    return take_u64(&rest, VERIFY_CLASSES - 1, &class) &&
           take_u64(&rest, UINT64_MAX, &s->result->counts[class]);
}

static bool read_db(reader *r, span rest, saved_state *s)
{
    verify_db db = {0};
    (void)r;
    if (s->result->db_count == NAMES_MAX || !take_db(&rest, &db.db) || db.db < 0 ||
        !take_u64(&rest, UINT64_MAX, &db.compared) || !take_u64(&rest, UINT64_MAX, &db.on_target))
        return false;
    verify_db *added = verify_db_add(s->result, db.db);
    if (!added) return false; /* twice */
    *added = db;
    return true;
}

static bool read_place(reader *r, span rest, saved_state *s)
{
    uint64_t index = 0;
    uint64_t stage = 0;
    (void)r;
    if (!take_u64(&rest, s->result->db_count, &index) || !take_u64(&rest, PLACE_REVERSE, &stage) ||
        !take_u64(&rest, UINT64_MAX, &s->place.position) ||
        !take_u64(&rest, UINT64_MAX, &s->place.expires))
        return false;
    s->place.db_index = (size_t)index;
    s->place.stage = (place_stage)stage;
    return true;
}

static bool read_known(reader *r, span rest, saved_state *s)
{
    uint64_t hash = 0;
    (void)r;
    if (!take_u64(&rest, UINT64_MAX, &hash) || hash == 0) return false;
    (void)tally_know(s->tally, hash);
    return true;
}

static bool read_example(reader *r, span rest, saved_state *s)
{
    uint64_t class = 0;
    int db = 0;
    size_t key_size = 0;
    size_t detail_size = 0;
    if (s->result->example_count == NAMES_MAX || !take_u64(&rest, VERIFY_CLASSES - 1, &class) ||
        !take_db(&rest, &db) || !take_hex(r, &rest, &key_size) ||
        !take_hex(r, &rest, &detail_size) || !buf_u8(&r->bytes, '\0'))
        return false;
    const char *detail = (const char *)r->bytes.at + key_size;
    if (key_size > VERIFY_KEY_SHOWN_MAX || strlen(detail) != detail_size) return false;
    tally_example(s->tally, s->result, (verify_class) class, db, span_of(r->bytes.at, key_size),
                  detail);
    return true;
}

static bool read_suspect(reader *r, span rest, saved_state *s)
{
    suspect x = {0};
    uint64_t large = 0;
    uint64_t class = 0;
    size_t size = 0;
    err e;
    if (!take_db(&rest, &x.db) || !take_u64(&rest, 1, &large) ||
        !take_u64(&rest, VERIFY_CLASSES - 1, &class) || !take_hex(r, &rest, &size))
        return false;
    x.large = large;
    x.class = (verify_class) class;
    return suspects_add(s->open, &x, span_of(r->bytes.at, size), &e);
}

static const struct {
    const char *name;
    bool (*read)(reader *r, span rest, saved_state *s);
} lines[] = {
    {"source", read_source},   {"target", read_target}, {"tolerance", read_tolerance},
    {"began", read_began},     {"spent", read_spent},   {"times", read_times},
    {"count", read_count},     {"class", read_class},   {"db", read_db},
    {"place", read_place},     {"known", read_known},   {"example", read_example},
    {"suspect", read_suspect},
};

static bool line_read(reader *r, span line, saved_state *s)
{
    span name;
    span rest = line;
    if (!span_cut(&rest, ' ', &name)) return false;
    r->bytes.size = 0;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (span_is(name, lines[i].name)) return lines[i].read(r, rest, s);
    return false;
}

static bool lines_read(reader *r, saved_state *s, err *e)
{
    span line = {0};
    uint64_t crc = 0;
    if (!line_next(r, &line, e))
        return e->kind == ERR_NONE ? err_set(e, ERR_FORMAT, "it is empty") : false;
    if (!span_is(line, FORMAT))
        return err_set(e, ERR_FORMAT, "it does not begin with '%s'", FORMAT);
    while (line_next(r, &line, e)) {
        if (span_starts(line, "end ")) {
            if (!span_to_u64(span_tail(line, 4), &crc) || crc != r->crc)
                return err_set(e, ERR_FORMAT, "the checksum at its end is another one");
            if (s->source_id[0] && s->target_id[0]) return true;
            return err_set(e, ERR_FORMAT, "it does not say of which servers");
        }
        if (!line_read(r, line, s)) {
            return err_set(e, ERR_FORMAT, "line %" PRIu64 " cannot be read: '%s'", r->number,
                           span_show(line).text);
        }
    }
    return e->kind == ERR_NONE ? err_set(e, ERR_FORMAT, "its end is missing") : false;
}

bool saved_read(FILE *from, saved_state *s, err *e)
{
    reader r = {.from = from, .line = buf_of(SAVED_LINE_MAX), .bytes = buf_of(SAVED_LINE_MAX)};
    bool good = lines_read(&r, s, e);
    buf_clear(&r.line);
    buf_clear(&r.bytes);
    return good;
}

/* ---- the file ---- */

bool saved_store(const char *path, const saved_state *s, err *e)
{
    char fresh[4096];
    int size = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (size < 0 || (size_t)size >= sizeof fresh)
        return err_set(e, ERR_USAGE, "the name '%.64s...' is too long", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_sys(e, errno, "'%s'", fresh);
    FILE *to = fdopen(fd, "wb");
    if (!to) {
        (void)close(fd);
        return err_sys(e, errno, "'%s'", fresh);
    }
    bool good = saved_write(to, s, e);
    if (good && (fflush(to) != 0 || fsync(fd) < 0)) good = err_sys(e, errno, "write");
    if (fclose(to) != 0 && good) good = err_sys(e, errno, "write");
    if (good && rename(fresh, path) < 0) good = err_sys(e, errno, "rename to '%s'", path);
    if (good) return true;
    (void)unlink(fresh);
    return err_wrap(e, "'%s'", fresh);
}

bool saved_load(const char *path, saved_state *s, bool *ret_found, err *e)
{
    *ret_found = false;
    /* A pipe or a device would be waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return true;
    struct stat st = {0};
    FILE *from = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "rb") : NULL;
    if (!from) {
        int problem = fd >= 0 && errno == 0 ? EINVAL : errno;
        if (fd >= 0) (void)close(fd);
        return err_sys(e, problem, "'%s'", path);
    }
    *ret_found = true;
    bool good = saved_read(from, s, e);
    (void)fclose(from);
    if (good) return true;
    (void)err_wrap(e, "'%s'", path);
    return err_hint(e, "delete it and verify from the beginning");
}
