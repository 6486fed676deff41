#include "apply/keyset.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/mem.h"

#define HASH_SIZE sizeof(XXH128_canonical_t)
#define WRITE_BUFFER_SIZE ((size_t)4096)
/* Names the start of the machine: what stands in the page cache is gone with the next one. */
#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 64
/* Two hashes of load in three slots at most. */
#define TABLE_SLOTS_MAX (KEYSET_MEMORY_MAX / HASH_SIZE)

typedef struct {
    buf pending;
    int fd;
} part_file;

struct keyset {
    char *dir;
    part_file known[KEYSET_PARTITIONS];
    part_file asked[KEYSET_PARTITIONS];
};

static XXH128_canonical_t key_hash(unsigned db, span key)
{
    XXH128_canonical_t out;
    XXH128_canonicalFromHash(&out, XXH3_128bits_withSeed(key.at, key.size, db));
    return out;
}

static void part_path(char *out, size_t size, const char *dir, const char *kind, unsigned part)
{
    (void)snprintf(out, size, "%s/%s-%02x", dir, kind, part); /* paths that long fail to open */
}

static bool parts_open(part_file *parts, const char *dir, const char *kind, bool fresh, err *e)
{
    for (unsigned i = 0; i < KEYSET_PARTITIONS; i++) {
        char path[4096];
        part_path(path, sizeof path, dir, kind, i);
        int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | (fresh ? O_TRUNC : 0);
        parts[i].fd = open(path, flags, 0600);
        parts[i].pending = buf_of(1024 * MIB);
        if (parts[i].fd < 0) return err_sys(e, errno, "open '%s'", path);
    }
    return true;
}

/* A killed process may have left half a hash at the end. */
static bool parts_align(part_file *parts, err *e)
{
    for (size_t i = 0; i < KEYSET_PARTITIONS; i++) {
        struct stat st = {0};
        if (fstat(parts[i].fd, &st) < 0) return err_sys(e, errno, "stat the list of keys");
        off_t whole = st.st_size - st.st_size % (off_t)HASH_SIZE;
        if (ftruncate(parts[i].fd, whole) < 0) return err_sys(e, errno, "cut the list of keys");
    }
    return true;
}

/* A short file as text; empty when it is not there or cannot be read. */
static void text_read(const char *path, char ret[BOOT_ID_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, ret, BOOT_ID_SIZE - 1);
    if (fd >= 0) (void)close(fd); /* only read */
    ret[size > 0 ? size : 0] = '\0';
}

static void boot_path(char *out, size_t size, const char *dir)
{
    (void)snprintf(out, size, "%s/boot", dir); /* paths that long fail to open */
}

static bool boot_note(const char *dir, err *e)
{
    char path[4096];
    char now[BOOT_ID_SIZE];
    boot_path(path, sizeof path, dir);
    text_read(BOOT_ID_PATH, now);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, errno, "open '%s'", path);
    bool wrote = write(fd, now, strlen(now)) == (ssize_t)strlen(now);
    int reason = errno;
    (void)close(fd); /* not for after a crash of the machine: it tells that there was one */
    return wrote || err_sys(e, reason, "write '%s'", path);
}

/* A set with holes would have keys deleted that the source still has: only one that was written
 * since the machine started, and is there at all, is added to. */
static bool boot_check(const char *dir, err *e)
{
    char path[4096];
    char now[BOOT_ID_SIZE];
    char then[BOOT_ID_SIZE];
    boot_path(path, sizeof path, dir);
    text_read(BOOT_ID_PATH, now);
    text_read(path, then);
    if (access(path, F_OK) == 0 && strcmp(now, then) == 0) return true;
    return err_set(e, ERR_STATE,
                   "the list of the snapshot's keys in '%s' is not of this start of the machine",
                   dir);
}

bool keyset_open(const char *dir, bool fresh, keyset **ret, err *e)
{
    if (!fresh && !boot_check(dir, e)) return false;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_sys(e, errno, "make the directory '%s'", dir);
    keyset *k = mem_alloc(sizeof *k);
    k->dir = mem_text(span_text(dir));
    for (size_t i = 0; i < KEYSET_PARTITIONS; i++)
        k->known[i].fd = k->asked[i].fd = -1;
    /* The candidates are always collected anew. */
    if (!parts_open(k->known, dir, "known", fresh, e) || !parts_align(k->known, e) ||
        !parts_open(k->asked, dir, "asked", true, e) || (fresh && !boot_note(dir, e))) {
        keyset_free(k);
        return false;
    }
    *ret = k;
    return true;
}

static void part_free(part_file *p)
{
    if (p->fd >= 0) (void)close(p->fd);
    buf_clear(&p->pending);
}

void keyset_free(keyset *k)
{
    if (!k) return;
    for (size_t i = 0; i < KEYSET_PARTITIONS; i++) {
        part_free(&k->known[i]);
        part_free(&k->asked[i]);
    }
    free(k->dir);
    free(k);
}

bool keyset_delete(const char *dir, err *e)
{
    static const char *const kinds[] = {"known", "asked"};
    char path[4096];
    boot_path(path, sizeof path, dir);
    if (unlink(path) < 0 && errno != ENOENT) return err_sys(e, errno, "delete '%s'", path);
    for (unsigned i = 0; i < 2 * KEYSET_PARTITIONS; i++) {
        part_path(path, sizeof path, dir, kinds[i % 2], i / 2);
        if (unlink(path) < 0 && errno != ENOENT) return err_sys(e, errno, "delete '%s'", path);
    }
    if (rmdir(dir) < 0 && errno != ENOENT) return err_sys(e, errno, "delete '%s'", dir);
    return true;
}

static bool part_flush(part_file *p, err *e)
{
    size_t done = 0;
    while (done < p->pending.size) {
        ssize_t n = write(p->fd, p->pending.at + done, p->pending.size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_sys(e, errno, "write the list of keys");
        done += (size_t)n;
    }
    p->pending.size = 0;
    return true;
}

bool keyset_add(keyset *k, unsigned db, span key, err *e)
{
    XXH128_canonical_t h = key_hash(db, key);
    part_file *p = &k->known[h.digest[0]];
    bool fits = buf_append(&p->pending, span_of(&h, sizeof h));
    assert(fits); /* flushed long before its limit */
    return p->pending.size < WRITE_BUFFER_SIZE || part_flush(p, e);
}

bool keyset_candidate(keyset *k, unsigned db, span key, err *e)
{
    XXH128_canonical_t h = key_hash(db, key);
    part_file *p = &k->asked[h.digest[0]];
    bool fits = buf_append(&p->pending, span_of(&h, sizeof h)) && buf_le(&p->pending, 4, db) &&
                buf_le(&p->pending, 4, key.size) && buf_append(&p->pending, key);
    if (!fits) return err_set(e, ERR_LIMIT, "a key of %zu bytes", key.size);
    return p->pending.size < WRITE_BUFFER_SIZE || part_flush(p, e);
}

bool keyset_flush(keyset *k, err *e)
{
    for (size_t i = 0; i < KEYSET_PARTITIONS; i++)
        if (!part_flush(&k->known[i], e) || !part_flush(&k->asked[i], e)) return false;
    return true;
}

/* An open-addressed table of hashes; an all-zero hash marks an empty slot (it does not occur but
 * once in 2^128). */
typedef struct {
    XXH128_canonical_t *slots;
    size_t count; /* a power of two */
} hash_table;

static size_t slot_first(const hash_table *t, const XXH128_canonical_t *h)
{
    uint64_t bits = 0;
    memcpy(&bits, h->digest + 1, sizeof bits);
    return (size_t)bits & (t->count - 1);
}

/* The slot that holds the hash, or the empty one where it would go. */
static XXH128_canonical_t *slot_find(const hash_table *t, const XXH128_canonical_t *h)
{
    static const XXH128_canonical_t empty;
    size_t i = slot_first(t, h);
    while (memcmp(&t->slots[i], h, sizeof *h) != 0 &&
           memcmp(&t->slots[i], &empty, sizeof empty) != 0)
        i = (i + 1) & (t->count - 1);
    return &t->slots[i];
}

static bool read_whole(int fd, size_t at, void *out, size_t size, bool *ret_end, err *e)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = pread(fd, (uint8_t *)out + got, size - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_sys(e, errno, "read the list of keys");
        if (n == 0) break;
        got += (size_t)n;
    }
    *ret_end = got < size; /* a torn tail of a killed process counts as the end */
    return true;
}

static bool table_load(int fd, hash_table *ret, err *e)
{
    struct stat st = {0};
    if (fstat(fd, &st) < 0) return err_sys(e, errno, "stat the list of keys");
    size_t hashes = (size_t)st.st_size / HASH_SIZE;
    size_t slots = 64;
    while (slots * 2 < hashes * 3)
        slots *= 2;
    if (slots > TABLE_SLOTS_MAX)
        return err_set(e, ERR_LIMIT, "the snapshot has more keys than can be compared");
    hash_table t = {.slots = mem_alloc(slots * HASH_SIZE), .count = slots};
    bool end = false;
    bool good = true;
    for (size_t i = 0; i < hashes && good && !end; i++) {
        XXH128_canonical_t h;
        good = read_whole(fd, i * HASH_SIZE, &h, sizeof h, &end, e);
        if (good && !end) *slot_find(&t, &h) = h;
    }
    if (!good) {
        free(t.slots);
        return false;
    }
    *ret = t;
    return true;
}

/* Candidates are read in pieces, so that a partition may be larger than memory. */
static bool part_compare(int fd, const hash_table *t, keyset_missing *missing, void *arg, err *e)
{
    static const XXH128_canonical_t empty;
    CLEANUP(buf_clear) buf key = buf_of(1024 * MIB);
    size_t at = 0;
    for (;;) {
        uint8_t head[HASH_SIZE + 8];
        bool end = false;
        if (!read_whole(fd, at, head, sizeof head, &end, e)) return false;
        if (end) return true;
        XXH128_canonical_t h;
        memcpy(&h, head, sizeof h);
        cursor c = cursor_of(span_of(head + HASH_SIZE, 8));
        uint64_t db = 0;
        uint64_t size = 0;
        bool there = cursor_le(&c, 4, &db) && cursor_le(&c, 4, &size);
        assert(there);
        at += sizeof head + size;
        if (memcmp(slot_find(t, &h), &empty, sizeof empty) != 0) continue;
        key.size = 0;
        if (!buf_reserve(&key, size)) return err_set(e, ERR_LIMIT, "a key of that size");
        if (!read_whole(fd, at - size, key.at, size, &end, e)) return false;
        if (end) return true;
        if (!missing(arg, (unsigned)db, span_of(key.at, size), e)) return false;
    }
}

bool keyset_compare(keyset *k, keyset_missing *missing, void *arg, err *e)
{
    if (!keyset_flush(k, e)) return false;
    for (size_t i = 0; i < KEYSET_PARTITIONS; i++) {
        hash_table t = {0};
        if (!table_load(k->known[i].fd, &t, e)) return false;
        bool done = part_compare(k->asked[i].fd, &t, missing, arg, e);
        free(t.slots);
        if (!done) return false;
    }
    return true;
}
