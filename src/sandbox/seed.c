/* What a new group begins with: a snapshot, or an RDB file in S3. Rules: migration-constraints,
 * SEED-01 to SEED-08. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/info.h"
#include "sandbox/copying.h"
#include "sandbox/snapshot.h"
#include "store/acl.h"
#include "store/store.h"
#include "store/target.h"

#define ARN_PREFIX "arn:aws:s3:::"
#define LOG_TAIL ((size_t)16384)

/* --- the call -------------------------------------------------------------------------------- */

static bool wrong(api_call *c, const char *arn, const char *why)
{
    return api_fail(c->e, "InvalidParameterValue", "%s: %s", span_show(span_text(arn)).text, why);
}

/* The service looks before it begins: does it exist, and may it be read? */
static bool object_check(api_call *c, const char *arn, const char *bucket, const char *key)
{
    store_look look = {0};
    err e = {0};
    if (!store_look_at(c->s->store, bucket, key, SEED_READER, &look, &e))
        return api_fail(c->e, "InternalFailure", "%s", e.text);
    if (!look.has_bucket) return wrong(c, arn, "the S3 bucket does not exist.");
    if (!look.has_object) return wrong(c, arn, "the S3 object does not exist.");
    unsigned needed = ACL_READ | ACL_READ_ACP;
    if ((look.object_rights & needed) != needed) {
        return wrong(c, arn,
                     "ElastiCache has not been granted READ and READ_ACP permissions on the S3 "
                     "object (grant them to the canonical user " SEED_READER ").");
    }
    if (strcmp(look.encryption, "AES256") == 0) return true;
    return wrong(c, arn, "the S3 object is encrypted in a way that ElastiCache cannot read.");
}

static bool arn_take(api_call *c, const char *arn, json_t **ret)
{
    char bucket[64];
    size_t prefix = strlen(ARN_PREFIX);
    const char *name = arn + prefix;
    bool good = strncmp(arn, ARN_PREFIX, prefix) == 0;
    const char *slash = good ? strchr(name, '/') : NULL;
    if (!slash || !slash[1] || (size_t)(slash - name) >= sizeof bucket)
        return wrong(c, arn, "an ARN of an S3 object has the form arn:aws:s3:::bucket/key.");
    (void)snprintf(bucket, sizeof bucket, "%.*s", (int)(slash - name), name);
    if (!target_bucket_is_good(bucket)) return wrong(c, arn, "that is no name of an S3 bucket.");
    if (strchr(slash, ',')) return wrong(c, arn, "the key must not contain a comma.");
    if (!object_check(c, arn, bucket, slash + 1)) return false;
    *ret = json_pack("{s:s,s:s}", "bucket", bucket, "key", slash + 1);
    return *ret || wrong(c, arn, "the key is not UTF-8.");
}

bool seed_take(api_call *c, json_t **ret)
{
    const char *name = NULL;
    json_t *snapshot = NULL;
    const char *arn = form_item(c->q, "SnapshotArns", "SnapshotArn", 1, NULL);
    *ret = NULL;
    if (arn && call_text(c, "SnapshotName")) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "SnapshotName and SnapshotArns cannot be used together.");
    }
    if (arn && form_item(c->q, "SnapshotArns", "SnapshotArn", 2, NULL)) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "A group without cluster mode takes one RDB file.");
    }
    if (arn) return arn_take(c, arn, ret);
    if (!call_text(c, "SnapshotName")) return true;
    if (!snapshot_of_call(c, "SnapshotName", &name, &snapshot)) return false;
    *ret = json_pack("{s:s}", "snapshot", name);
    return true;
}

/* --- steps ----------------------------------------------------------------------------------- */

step seed_fetch(keeper *k, const char *id, json_t *g, err *e)
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 16];
    char from[PATH_SIZE];
    char name[COPY_NAME_SIZE];
    json_t *seed = json_object_get(g, "seed");
    if (!seed) return STEP_DONE;
    (void)snprintf(folder, sizeof folder, "nodes/%s", text_of(group_primary(g), "id"));
    (void)snprintf(path, sizeof path, "%s/dump.rdb", folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        (void)err_sys(e, errno, "make '%s'", folder);
        return STEP_BAD;
    }
    snapshot_path(text_of(seed, "snapshot"), from);
    (void)snprintf(name, sizeof name, "seed of %s", id);
    return copying_step(k->copying, name,
                        &(copy_order){.kind = *text_of(seed, "bucket") ? COPY_EXPORT : COPY_FILE,
                                      .from = from,
                                      .to = path,
                                      .bucket = text_of(seed, "bucket"),
                                      .key = text_of(seed, "key")},
                        e);
}

/* SEED-08: what does not fit ends as what cannot be read does. */
step seed_check(keeper *k, const char *id, json_t *g, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    uint64_t used = 0;
    uint64_t most = 0;
    (void)id;
    if (!json_object_get(g, "seed")) return STEP_DONE;
    const char *node = text_of(group_primary(g), "id");
    if (!node_ask(k, node, &memory, &r, e, ENGINE_TEXTS("INFO", "memory"))) return STEP_MORE;
    if (info_u64(r->text, "used_memory", &used) && info_u64(r->text, "maxmemory", &most) &&
        most > 0 && used > most) {
        (void)err_set(e, ERR_LIMIT,
                      "the data needs %" PRIu64 " bytes, a node of this type has %" PRIu64, used,
                      most);
        return STEP_BAD;
    }
    (void)json_object_del(g, "seed");
    k->s->dirty = true;
    return STEP_DONE;
}

/* What engines write before they end over a file: redis 7.0 to valkey 9.1, src/rdb.c. */
static bool is_reason(span line)
{
    static const char *const words[] = {
        "Wrong signature", "RDB format version", "Internal error in RDB", "Unknown RDB",
        "CRC error",       "Short read",         "Error loading",         "Fatal error",
        "can't load",      "Unrecoverable"};
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (span_find(line, span_text(words[i]), &at)) return true;
    return false;
}

/* "12:M 28 Nov 2026 17:00:00.123 # Wrong signature ..." from the mark on. */
static span words_of(span line)
{
    size_t at = 0;
    static const char *const marks[] = {" # ", " * ", " - "};
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (span_find(line, span_text(marks[i]), &at)) return span_tail(line, at + 3);
    return line;
}

void seed_reason(const char *node_id, char ret[256])
{
    char path[PATH_SIZE];
    CLEANUP(mem_free_at) uint8_t *tail = mem_alloc(LOG_TAIL);
    struct stat info = {0};
    span line = {0};
    ret[0] = '\0';
    (void)snprintf(path, sizeof path, "nodes/%s/engine.log", node_id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    off_t from = fstat(fd, &info) == 0 && (size_t)info.st_size > LOG_TAIL
                     ? info.st_size - (off_t)LOG_TAIL
                     : 0;
    ssize_t got = pread(fd, tail, LOG_TAIL, from);
    (void)close(fd);
    span rest = span_of(tail, got > 0 ? (size_t)got : 0);
    while (!ret[0] && span_cut(&rest, '\n', &line)) { /* the first one is the cause */
        span words = words_of(line);
        if (is_reason(line))
            (void)snprintf(ret, 256, "%.*s", (int)words.size, (const char *)words.at);
    }
}
