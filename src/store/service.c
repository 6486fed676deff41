/* What a service that reads from and writes to buckets asks for. */
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/acl.h"

#define PIECE (256 * KIB)

static bool look(struct store *s,
                 const char *bucket,
                 const char *key,
                 const char *canonical_id,
                 store_look *ret,
                 err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    bucket_row b = {0};
    object_row o = {0};
    if (!index_bucket(s, bucket, &memory, &b, &ret->has_bucket, e)) return false;
    if (!ret->has_bucket) return true;
    ret->bucket_rights = acl_rights(b.acl, canonical_id);
    if (!index_object(s, bucket, key, &memory, &o, &ret->has_object, e)) return false;
    if (!ret->has_object) return true;
    span how = meta_find(o.meta, "x-amz-server-side-encryption");
    /* Lists do not count any more in a bucket that was set to have none. */
    ret->object_rights = bucket_is_enforced(&b) ? 0 : acl_rights(o.acl, canonical_id);
    ret->size = o.size;
    (void)snprintf(ret->encryption, sizeof ret->encryption, "%.*s", (int)how.size,
                   how.size ? (const char *)how.at : "");
    return true;
}

bool store_look_at(struct store *s,
                   const char *bucket,
                   const char *key,
                   const char *canonical_id,
                   store_look *ret,
                   err *e)
{
    *ret = (store_look){0};
    (void)pthread_mutex_lock(&s->lock); /* it is ours and whole */
    bool done = look(s, bucket, key, canonical_id, ret, e);
    (void)pthread_mutex_unlock(&s->lock);
    return done;
}

bool store_export(struct store *s, const char *bucket, const char *key, const char *path, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    object_row o = {0};
    struct store_reader *r = NULL;
    bool found = false;
    (void)pthread_mutex_lock(&s->lock); /* it is ours and whole */
    bool done = index_object(s, bucket, key, &memory, &o, &found, e) &&
                (found || err_set(e, ERR_STATE, "there is no object s3://%s/%s", bucket, key)) &&
                files_reader(s, o.files, 0, &r, e);
    (void)pthread_mutex_unlock(&s->lock);
    if (!done) return false;
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) done = err_sys(e, errno, "make '%s'", path);
    done = done && files_copy(r, o.size, fd, NULL, e);
    if (fd >= 0 && close(fd) != 0 && done) done = err_sys(e, errno, "write '%s'", path);
    store_reader_free(r);
    return done;
}

/* The bytes of a file into a file of ours. */
static bool take(int from, int to, uint64_t *ret_size, checksum_value *ret_md5, err *e)
{
    CLEANUP(mem_free_at) uint8_t *piece = mem_alloc(PIECE);
    checksum md5;
    bool done = true;
    checksum_begin(&md5, CHECKSUM_MD5);
    *ret_size = 0;
    while (done) {
        ssize_t got = read(from, piece, PIECE);
        if (got == 0) break;
        done = got > 0 ? files_write(to, span_of(piece, (size_t)got), e)
                       : err_sys(e, errno, "read a file for a bucket");
        if (done) checksum_add(&md5, span_of(piece, (size_t)got));
        if (done) *ret_size += (uint64_t)got;
    }
    *ret_md5 = checksum_end(&md5);
    return done;
}

static bool row_put(struct store *s,
                    const char *bucket,
                    const char *key,
                    const char *file,
                    uint64_t size,
                    const checksum_value *md5,
                    err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf acl = buf_of(ACL_TEXT_MAX);
    bucket_row b = {0};
    bool found = false;
    if (!acl_canned("private", s->owner, &acl, e)) return false;
    object_row o = {.key = key,
                    .size = size,
                    .etag = arena_printf(&memory, "%s", checksum_hex(md5).text),
                    .modified_ms = clock_wall_ms(),
                    .meta = "content-type: binary/octet-stream\n"
                            "x-amz-server-side-encryption: AES256\n",
                    .acl = arena_text(&memory, buf_span(&acl)),
                    .files = arena_printf(&memory, "%s %" PRIu64 "\n", file, size)};
    return index_bucket(s, bucket, &memory, &b, &found, e) &&
           (found || err_set(e, ERR_STATE, "there is no bucket '%s'", bucket)) &&
           object_put(s, bucket, &o, e);
}

bool store_import(struct store *s, const char *bucket, const char *key, const char *path, err *e)
{
    char file[FILE_NAME_SIZE + 1];
    checksum_value md5 = {0};
    uint64_t size = 0;
    int to = -1;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return err_sys(e, errno, "open '%s'", path);
    bool made = files_make(s, file, &to, e);
    bool done = made && take(from, to, &size, &md5, e);
    (void)close(from);
    if (made && close(to) != 0 && done) done = err_sys(e, errno, "write an object");
    (void)pthread_mutex_lock(&s->lock); /* it is ours and whole */
    done = done && row_put(s, bucket, key, file, size, &md5, e);
    (void)pthread_mutex_unlock(&s->lock);
    if (made && !done) files_remove(s, file);
    return done;
}
