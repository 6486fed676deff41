/* Snapshots in the API: made, shown, copied, exported, deleted. */
#include "sandbox/snapshot.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/copying.h"
#include "sandbox/parameters.h"
#include "store/acl.h"
#include "store/store.h"

#define PAGE_MAX 50
#define COPY_SECONDS 60
#define DELETE_SECONDS 30
#define MANUAL "manual"

static json_t *snapshots_of(sandbox *s)
{
    return state_part(s, "snapshots");
}

static json_t *snapshot_show(sandbox *s, const char *name, json_t *snapshot, bool with_shards)
{
    char size[32];
    const char *group = text_of(snapshot, "group");
    (void)snprintf(size, sizeof size, "%" PRId64 " MB",
                   (number_of(snapshot, "size") + (int64_t)MIB - 1) / (int64_t)MIB);
    json_t *node = json_pack("{s:s,s:s,s:s,s:s}", "CacheClusterId", text_of(snapshot, "node"),
                             "NodeGroupId", GROUP_NODE, "CacheNodeId", GROUP_NODE,
                             "CacheNodeCreateTime", text_of(snapshot, "node_created"));
    if (json_object_get(snapshot, "taken")) {
        text_set(node, "CacheSize", size);
        text_set(node, "SnapshotCreateTime", text_of(snapshot, "taken"));
    }
    if (with_shards) {
        (void)json_object_set_new(node, "NodeGroupConfiguration",
                                  json_pack("{s:s,s:I}", "NodeGroupId", GROUP_NODE, "ReplicaCount",
                                            (json_int_t)number_of(snapshot, "replicas")));
    }
    json_t *r = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:b,s:I,s:s,s:[o],s:o,s:s}", "SnapshotName", name,
        "SnapshotStatus", text_of(snapshot, "status"), "SnapshotSource",
        text_of(snapshot, "source"), "CacheNodeType", text_of(snapshot, "node_type"), "Engine",
        text_of(snapshot, "engine"), "EngineVersion", text_of(snapshot, "version"), "Port",
        (json_int_t)number_of(snapshot, "port"), "CacheParameterGroupName",
        text_of(snapshot, "parameter_group"), "CacheSubnetGroupName",
        text_of(snapshot, "subnet_group"), "PreferredMaintenanceWindow",
        text_of(snapshot, "window"), "AutoMinorVersionUpgrade", flag_of(snapshot, "auto_minor"),
        "SnapshotRetentionLimit", (json_int_t)number_of(snapshot, "retention"), "SnapshotWindow",
        text_of(snapshot, "snapshot_window"), "NodeSnapshots", node, "ARN",
        state_arn(s, "snapshot", name), "VpcId", "vpc-5a5db0x");
    text_set(r, "DataTiering", "disabled");
    if (flag_of(snapshot, "of_node")) {
        text_set(r, "CacheClusterId", text_of(snapshot, "node"));
        text_set(r, "CacheClusterCreateTime", text_of(snapshot, "node_created"));
        text_set(r, "PreferredAvailabilityZone", text_of(snapshot, "zone"));
        (void)json_object_set_new(r, "NumCacheNodes", json_integer(1));
        return r;
    }
    text_set(r, "ReplicationGroupId", group);
    text_set(r, "ReplicationGroupDescription", text_of(snapshot, "description"));
    (void)json_object_set_new(r, "NumNodeGroups", json_integer(1));
    text_set(r, "AutomaticFailover", flag_of(snapshot, "auto_failover") ? "enabled" : "disabled");
    return r;
}

static bool snapshot_answer(api_call *c, const char *name, json_t *snapshot, json_t **ret)
{
    *ret = json_pack("{s:o}", "Snapshot", snapshot_show(c->s, name, snapshot, true));
    return true;
}

void snapshot_path(const char *name, char ret[PATH_SIZE])
{
    (void)snprintf(ret, PATH_SIZE, "snapshots/%s.rdb", name); /* below the work directory: fits */
}

static json_t *snapshot_find(api_call *c, const char *name, const char **ret_name)
{
    json_t *snapshot = NULL;
    json_object_foreach(snapshots_of(c->s), *ret_name, snapshot)
    {
        if (strcasecmp(*ret_name, name) == 0) return snapshot;
    }
    return NULL;
}

static bool not_found(api_call *c, const char *name)
{
    return api_fail(c->e, "SnapshotNotFoundFault", "Snapshot %s not found.",
                    span_show(span_text(name)).text);
}

bool snapshot_of_call(api_call *c, const char *parameter, const char **ret_name, json_t **ret)
{
    const char *name = call_text(c, parameter);
    *ret = snapshot_find(c, name, ret_name);
    if (!*ret) return not_found(c, name);
    if (strcmp(text_of(*ret, "status"), "available") == 0) return true;
    return api_fail(c->e, "InvalidSnapshotState", "Snapshot %s is not available: it is %s.",
                    *ret_name, text_of(*ret, "status"));
}

bool snapshot_name_take(api_call *c, const char *parameter, char ret[64])
{
    if (!call_identifier(c, parameter, 63, ret)) return false;
    if (!json_object_get(snapshots_of(c->s), ret)) return true;
    return api_fail(c->e, "SnapshotAlreadyExistsFault",
                    "Snapshot with specified name already "
                    "exists.");
}

/* --- create ---------------------------------------------------------------------------------- */

void snapshot_begin(sandbox *s, const char *name, const char *id, json_t *g, const char *node_id)
{
    json_t *snapshot = json_pack("{s:s,s:s,s:s,s:b}", "status", "creating", "source", MANUAL,
                                 "group", id, "of_node", node_id != NULL);
    static const char *const same[] = {"description",     "engine",       "version",
                                       "node_type",       "port",         "parameter_group",
                                       "subnet_group",    "auto_minor",   "window",
                                       "snapshot_window", "auto_failover"};
    for (size_t i = 0; i < COUNT_OF(same); i++)
        (void)json_object_set(snapshot, same[i], json_object_get(g, same[i]));
    (void)json_object_set(snapshot, "retention", json_object_get(g, "snapshot_retention"));
    json_t *nodes = json_object_get(g, "nodes");
    (void)json_object_set_new(snapshot, "replicas",
                              json_integer((json_int_t)json_array_size(nodes) - 1));
    json_t *chosen = NULL; /* a replica where there is one, as the service does */
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(nodes, at, node)
    {
        bool is_it = node_id ? strcmp(text_of(node, "id"), node_id) == 0
                             : !chosen || !flag_of(node, "is_primary");
        if (is_it) chosen = node;
    }
    text_set(snapshot, "node", text_of(chosen, "id"));
    text_set(snapshot, "node_created", text_of(chosen, "created"));
    text_set(snapshot, "zone", text_of(chosen, "zone"));
    text_set(g, "snapshot", name);
    (void)json_object_set_new(snapshots_of(s), name, snapshot);
    s->dirty = true;
}

static bool owner_of_call(api_call *c, const char **ret_id, json_t **ret, const char **ret_node)
{
    const char *node_id = call_text(c, "CacheClusterId");
    *ret_node = NULL;
    if (!node_id == !call_text(c, "ReplicationGroupId")) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "Exactly one of ReplicationGroupId and CacheClusterId must be given.");
    }
    if (!node_id) return group_of_call(c, true, ret_id, ret);
    json_t *node = group_node_find(c->s, node_id, ret_id, ret);
    if (!node) {
        return api_fail(c->e, "CacheClusterNotFound", "CacheCluster not found: %s",
                        span_show(span_text(node_id)).text);
    }
    *ret_node = text_of(node, "id");
    if (strcmp(text_of(*ret, "status"), "available") == 0) return true;
    return api_fail(c->e, "InvalidCacheClusterState", "Cache cluster %s is not available.",
                    *ret_node);
}

bool api_create_snapshot(api_call *c, json_t **ret)
{
    const char *id = NULL;
    const char *node_id = NULL;
    json_t *g = NULL;
    char name[64];
    if (!snapshot_name_take(c, "SnapshotName", name) || !owner_of_call(c, &id, &g, &node_id) ||
        !call_tags(c, state_arn(c->s, "snapshot", name)))
        return false;
    snapshot_begin(c->s, name, id, g, node_id);
    json_t *snapshot = json_object_get(snapshots_of(c->s), name);
    const char *owner = NULL;
    text_set(group_node_find(c->s, text_of(snapshot, "node"), &owner, &g), "status",
             "snapshotting");
    group_task(c->s, g, "snapshot", "snapshotting");
    return snapshot_answer(c, name, snapshot, ret);
}

/* --- describe -------------------------------------------------------------------------------- */

static bool is_wanted(api_call *c, json_t *snapshot)
{
    const char *group = call_text(c, "ReplicationGroupId");
    const char *node = call_text(c, "CacheClusterId");
    const char *source = call_text(c, "SnapshotSource");
    bool by_user = strcmp(text_of(snapshot, "source"), MANUAL) == 0;
    return (!group || strcasecmp(group, text_of(snapshot, "group")) == 0) &&
           (!node || strcasecmp(node, text_of(snapshot, "node")) == 0) &&
           (!source || by_user == (strcmp(source, "user") == 0));
}

bool api_describe_snapshots(api_call *c, json_t **ret)
{
    const char *wanted = call_text(c, "SnapshotName");
    const char *node = call_text(c, "CacheClusterId");
    const char *source = call_text(c, "SnapshotSource");
    const char *name = NULL;
    const char *id = NULL;
    json_t *g = NULL;
    json_t *snapshot = NULL;
    bool shards = false;
    if (!call_flag(c, "ShowNodeGroupConfig", false, &shards)) return false;
    if (source && strcmp(source, "user") != 0 && strcmp(source, "system") != 0) {
        return api_fail(c->e, "InvalidParameterValue", "SnapshotSource must be system or user.");
    }
    if (wanted && !snapshot_find(c, wanted, &name)) return not_found(c, wanted);
    json_t *all = json_array();
    json_object_foreach(snapshots_of(c->s), name, snapshot)
    {
        if ((!wanted || strcasecmp(wanted, name) == 0) && is_wanted(c, snapshot))
            (void)json_array_append_new(all, snapshot_show(c->s, name, snapshot, shards));
    }
    if (node && json_array_size(all) == 0 && !group_node_find(c->s, node, &id, &g)) {
        json_decref(all);
        return api_fail(c->e, "CacheClusterNotFound", "CacheCluster not found: %s",
                        span_show(span_text(node)).text);
    }
    return call_page_of(c, "Snapshots", all, PAGE_MAX, ret);
}

/* --- copy and export ------------------------------------------------------------------------- */

/* What ElastiCache must be granted on a bucket that it exports to, and what it says when it is not.
 * Texts: docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CopySnapshot.html */
static const struct {
    unsigned right;
    const char *name;
} export_rights[] = {{ACL_READ, "READ"}, {ACL_WRITE, "WRITE"}, {ACL_READ_ACP, "READ_ACP"}};

static bool bucket_check(api_call *c, const char *bucket, const char *key)
{
    store_look look = {0};
    err e = {0};
    shown named = span_show(span_text(bucket));
    if (!store_look_at(c->s->store, bucket, key, SEED_READER, &look, &e))
        return api_fail(c->e, "InternalFailure", "%s", e.text);
    if (!look.has_bucket) {
        return api_fail(c->e, "InvalidParameterValue", "The S3 bucket %s does not exist.",
                        named.text);
    }
    for (size_t i = 0; i < COUNT_OF(export_rights); i++) {
        if (look.bucket_rights & export_rights[i].right) continue;
        return api_fail(c->e, "InvalidParameterValue",
                        "ElastiCache has not been granted %s permissions %s on the S3 Bucket.",
                        export_rights[i].name, named.text);
    }
    return !look.has_object ||
           api_fail(c->e, "InvalidParameterValue",
                    "The S3 bucket %s already contains an object with key %s.", named.text, key);
}

static void due_set(sandbox *s, json_t *snapshot, const char *status, unsigned seconds)
{
    text_set(snapshot, "status", status);
    (void)json_object_set_new(snapshot, "due_ms",
                              json_integer(clock_wall_ms() + state_delay_ms(s, seconds)));
    s->dirty = true;
}

/* The source says "exporting" meanwhile; the answer has the name of what will be in the bucket. */
static bool
export_begin(api_call *c, const char *target, const char *bucket, json_t *source, json_t **ret)
{
    char key[96];
    (void)snprintf(key, sizeof key, "%s-%s.rdb", target, GROUP_NODE);
    if (!bucket_check(c, bucket, key)) return false;
    (void)json_object_set_new(source, "export",
                              json_pack("{s:s,s:s}", "bucket", bucket, "key", key));
    due_set(c->s, source, "exporting", COPY_SECONDS);
    return snapshot_answer(c, target, source, ret);
}

bool api_copy_snapshot(api_call *c, json_t **ret)
{
    const char *from = NULL;
    json_t *source = NULL;
    char target[64];
    char old_path[PATH_SIZE];
    char new_path[PATH_SIZE];
    const char *bucket = call_text(c, "TargetBucket");
    if (!call_identifier(c, "TargetSnapshotName", 63, target) ||
        !snapshot_of_call(c, "SourceSnapshotName", &from, &source))
        return false;
    if (bucket && *bucket) return export_begin(c, target, bucket, source, ret);
    if (!snapshot_name_take(c, "TargetSnapshotName", target) ||
        !call_tags(c, state_arn(c->s, "snapshot", target)))
        return false;
    snapshot_path(from, old_path);
    snapshot_path(target, new_path);
    (void)unlink(new_path); /* of one that never came to be */
    if (link(old_path, new_path) != 0)
        return api_fail(c->e, "InternalFailure", "The file of snapshot %s is not there.", from);
    json_t *copy = json_deep_copy(source);
    text_set(copy, "source", MANUAL);
    (void)json_object_set_new(snapshots_of(c->s), target, copy);
    due_set(c->s, copy, "creating", COPY_SECONDS);
    return snapshot_answer(c, target, copy, ret);
}

bool api_delete_snapshot(api_call *c, json_t **ret)
{
    const char *name = NULL;
    json_t *snapshot = NULL;
    if (!snapshot_of_call(c, "SnapshotName", &name, &snapshot)) return false;
    due_set(c->s, snapshot, "deleting", DELETE_SECONDS);
    return snapshot_answer(c, name, snapshot, ret);
}

/* --- what is due ----------------------------------------------------------------------------- */

/* False: it goes on. */
static bool export_do(keeper *k, const char *name, json_t *snapshot)
{
    char path[PATH_SIZE];
    char copy[COPY_NAME_SIZE];
    err e = {0};
    json_t *to = json_object_get(snapshot, "export");
    const char *bucket = text_of(to, "bucket");
    snapshot_path(name, path);
    (void)snprintf(copy, sizeof copy, "export of %s", name);
    copy_order order = {
        .kind = COPY_IMPORT, .from = path, .bucket = bucket, .key = text_of(to, "key")};
    step done = copying_step(k->copying, copy, &order, &e);
    if (done == STEP_MORE) return false;
    if (done == STEP_DONE) {
        state_event(k->s, "cache-cluster", text_of(snapshot, "node"),
                    "Snapshot %s was exported to bucket %s", name, bucket);
    } else {
        log_warn("sandbox: export of snapshot %s: %s", name, e.text);
        state_event(k->s, "cache-cluster", text_of(snapshot, "node"),
                    "The export of snapshot %s to bucket %s failed: %s", name, bucket, e.text);
    }
    (void)json_object_del(snapshot, "export");
    return true;
}

static void forget(keeper *k, const char *name)
{
    char path[PATH_SIZE];
    snapshot_path(name, path);
    (void)unlink(path); /* or it never came to be */
    tags_forget(k->s, state_arn(k->s, "snapshot", name));
    (void)json_object_del(snapshots_of(k->s), name);
    k->s->dirty = true;
}

void snapshots_turn(keeper *k, int64_t now)
{
    const char *name = NULL;
    json_t *snapshot = NULL;
    void *next = NULL;
    json_object_foreach_safe(snapshots_of(k->s), next, name, snapshot)
    {
        if (!json_object_get(snapshot, "due_ms") || number_of(snapshot, "due_ms") > now) continue;
        if (strcmp(text_of(snapshot, "status"), "deleting") == 0) {
            forget(k, name);
            continue;
        }
        if (json_object_get(snapshot, "export") && !export_do(k, name, snapshot)) continue;
        (void)json_object_del(snapshot, "due_ms");
        text_set(snapshot, "status", "available");
        k->s->dirty = true;
    }
}

/* --- the steps of the group's task ----------------------------------------------------------- */

static json_t *snapshot_of_group(keeper *k, json_t *g)
{
    return json_object_get(snapshots_of(k->s), text_of(g, "snapshot"));
}

/* It is not there, then: the service removes those that failed, too. */
static step failed(keeper *k, json_t *g, const char *why, err *e)
{
    json_t *snapshot = snapshot_of_group(k, g);
    const char *id = NULL;
    json_t *owner = NULL;
    (void)err_set(e, ERR_STATE, "snapshot %s: %s", text_of(g, "snapshot"), why);
    state_event(k->s, "cache-cluster", text_of(snapshot, "node"),
                "Snapshot failed for snapshot with ID '%s' of cluster with ID '%s'",
                text_of(g, "snapshot"), text_of(snapshot, "node"));
    json_t *node = group_node_find(k->s, text_of(snapshot, "node"), &id, &owner);
    if (node) text_set(node, "status", "available");
    forget(k, text_of(g, "snapshot"));
    (void)json_object_del(g, "snapshot");
    return STEP_BAD;
}

step snapshot_save(keeper *k, const char *id, json_t *g, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    const char *node = text_of(snapshot_of_group(k, g), "node");
    (void)id;
    if (!node_process_find(k, node)) return failed(k, g, "its node does not run", e);
    if (node_ask(k, node, &memory, &r, e, ENGINE_TEXTS("BGSAVE"))) return STEP_DONE;
    /* Another child works, as when a replica is copied; or it was started just now. */
    if (e->kind == ERR_REFUSED || e->kind == ERR_IO) return STEP_MORE;
    return failed(k, g, e->text, e);
}

step snapshot_wait(keeper *k, const char *id, json_t *g, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    char from[PATH_SIZE];
    char to[PATH_SIZE];
    size_t at = 0;
    json_t *snapshot = snapshot_of_group(k, g);
    const char *node = text_of(snapshot, "node");
    (void)id;
    if (!node_process_find(k, node)) return failed(k, g, "its node ended", e);
    if (!node_ask(k, node, &memory, &r, e, ENGINE_TEXTS("INFO", "persistence"))) return STEP_MORE;
    if (!span_find(r->text, span_text("rdb_bgsave_in_progress:0"), &at)) return STEP_MORE;
    if (!span_find(r->text, span_text("rdb_last_bgsave_status:ok"), &at))
        return failed(k, g, "the engine could not save", e);
    (void)snprintf(from, sizeof from, "nodes/%s/dump.rdb", node);
    snapshot_path(text_of(g, "snapshot"), to);
    (void)unlink(to); /* of one that never came to be */
    if (link(from, to) != 0) return failed(k, g, "the engine has written no file", e);
    return STEP_DONE;
}

step snapshot_end(keeper *k, const char *id, json_t *g, err *e)
{
    char path[PATH_SIZE];
    struct stat info = {0};
    const char *owner = NULL;
    json_t *group = NULL;
    json_t *snapshot = snapshot_of_group(k, g);
    const char *name = text_of(g, "snapshot");
    const char *node_id = text_of(snapshot, "node");
    (void)id;
    snapshot_path(name, path);
    if (stat(path, &info) != 0) return failed(k, g, "its file is gone", e);
    (void)json_object_set_new(snapshot, "size", json_integer(info.st_size));
    text_set(snapshot, "taken", clock_show((int64_t)info.st_mtim.tv_sec * 1000).text);
    text_set(snapshot, "status", "available");
    state_event(k->s, "cache-cluster", node_id,
                "Snapshot succeeded for snapshot with ID '%s' of cluster with ID '%s'", name,
                node_id);
    json_t *node = group_node_find(k->s, node_id, &owner, &group);
    if (node) text_set(node, "status", "available");
    (void)json_object_del(g, "snapshot");
    return STEP_DONE;
}
