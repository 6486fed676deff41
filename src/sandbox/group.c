/* Replication groups: created, changed, deleted. The work itself is the keeper's. */
#include "sandbox/group.h"

#include "sandbox/parameters.h"
#include "sandbox/programs.h"
#include "sandbox/snapshot.h"

#define NODES_MAX 300 /* per region: auth-and-network section 8 */
#define NODE_TYPE_DEFAULT "cache.t4g.micro"
#define WINDOW_SECONDS (3U * 24 * 3600) /* until the next maintenance window, on the average */

json_t *group_find(sandbox *s, const char *id)
{
    return json_object_get(state_part(s, "groups"), id);
}

bool group_of_call(api_call *c, bool available, const char **ret_id, json_t **ret)
{
    const char *wanted = call_text(c, "ReplicationGroupId");
    json_object_foreach(state_part(c->s, "groups"), *ret_id, *ret)
    {
        if (strcasecmp(*ret_id, wanted) != 0) continue;
        const char *status = text_of(*ret, "status");
        if (!available || strcmp(status, "available") == 0) return true;
        return api_fail(c->e, "InvalidReplicationGroupState",
                        "Replication group %s is not in the available state: it is %s.", *ret_id,
                        status);
    }
    return api_fail(c->e, "ReplicationGroupNotFoundFault", "ReplicationGroup %s not found.",
                    span_show(span_text(wanted)).text);
}

json_t *group_primary(const json_t *g)
{
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        if (flag_of(node, "is_primary")) return node;
    }
    return NULL;
}

json_t *group_node_find(sandbox *s, const char *node_id, const char **ret_id, json_t **ret_group)
{
    json_object_foreach(state_part(s, "groups"), *ret_id, *ret_group)
    {
        size_t at = 0;
        json_t *node = NULL;
        json_array_foreach(json_object_get(*ret_group, "nodes"), at, node)
        {
            if (strcasecmp(text_of(node, "id"), node_id) == 0) return node;
        }
    }
    return NULL;
}

json_t *group_node_add(sandbox *s, const char *id, json_t *g, bool is_primary)
{
    char name[64];
    char host[32];
    char zone[32];
    int64_t number = number_of(g, "next_number") + 1;
    (void)json_object_set_new(g, "next_number", json_integer(number));
    (void)snprintf(name, sizeof name, "%s-%03d", id, (int)number);
    (void)snprintf(zone, sizeof zone, "%s%c", state_text(s, "region"),
                   (int)('a' + (number - 1) % 3));
    state_address(s, host);
    json_t *node =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "id", name, "host", host, "zone", zone, "created",
                  clock_show(clock_wall_ms()).text, "status", "creating", "is_primary", is_primary);
    (void)json_array_append_new(json_object_get(g, "nodes"), node);
    return node;
}

void group_task(sandbox *s, json_t *g, const char *kind, const char *status)
{
    (void)json_object_set_new(
        g, "task", json_pack("{s:s,s:i,s:I}", "kind", kind, "step", 0, "due_ms", (json_int_t)0));
    text_set(g, "status", status);
    s->dirty = true;
}

static size_t nodes_count(sandbox *s)
{
    size_t count = 0;
    const char *id = NULL;
    json_t *g = NULL;
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        count += json_array_size(json_object_get(g, "nodes"));
    }
    return count;
}

/* --- create ---------------------------------------------------------------------------------- */

/* What was asked for, checked, before anything is made. */
typedef struct {
    char id[64];
    const char *engine;
    const char *version;
    const char *node_type;
    const char *parameter_group;
    char default_group[48];
    const char *subnet_group;
    int64_t port;
    int64_t count;
    bool auto_failover;
    bool multi_az;
    bool tls;
    bool at_rest;
    bool auto_minor;
    int64_t retention;
    json_t *seed;     /* NULL: it begins empty */
    json_t *snapshot; /* of the seed; what the call does not say is as there */
} wanted;

/* The version asked for, or the newest that an engine is here for. */
static bool engine_take(api_call *c, wanted *w)
{
    const char *asked = call_text(c, "EngineVersion");
    if (!asked) asked = w->version; /* of a snapshot */
    if (call_text(c, "Engine")) w->engine = call_text(c, "Engine");
    if (!w->engine) w->engine = "redis";
    if (strcmp(w->engine, "redis") != 0 && strcmp(w->engine, "valkey") != 0) {
        return api_fail(c->e, "InvalidParameterValue", "The engine %s is not redis or valkey.",
                        span_show(span_text(w->engine)).text);
    }
    static const char *const newest[2][5] = {{"9.0", "8.2", "8.1", "8.0", "7.2"},
                                             {"7.1", "7.0", "7.0", "7.0", "7.0"}};
    bool is_redis = strcmp(w->engine, "redis") == 0;
    for (size_t i = 0; !asked && i < COUNT_OF(newest[0]); i++) {
        if (programs_choose(&c->s->programs, w->engine, newest[is_redis][i]))
            asked = newest[is_redis][i];
    }
    w->version = asked ? asked : newest[is_redis][0];
    if (!parameters_family_of(w->engine, w->version)) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "Cannot find version %s for %s: DescribeCacheEngineVersions lists what "
                        "there is.",
                        span_show(span_text(w->version)).text, w->engine);
    }
    if (programs_choose(&c->s->programs, w->engine, w->version)) return true;
    return api_fail(c->e, "NotImplemented",
                    "The sandbox found no engine on this machine that can be %s %s ('handover "
                    "sandbox engines' lists them).",
                    w->engine, w->version);
}

/* A count of nodes by either of the two ways to say it. */
static bool count_take(api_call *c, wanted *w)
{
    int64_t shards = 1;
    int64_t replicas = -1;
    w->count = 1;
    if (!call_number(c, "NumNodeGroups", 1, 500, &shards) ||
        !call_number(c, "ReplicasPerNodeGroup", 0, GROUP_NODES_MAX - 1, &replicas) ||
        !call_number(c, "NumCacheClusters", 1, GROUP_NODES_MAX, &w->count))
        return false;
    const char *mode = call_text(c, "ClusterMode");
    if (shards > 1 || (mode && strcmp(mode, "disabled") != 0)) return call_lacks(c, "cluster mode");
    if (replicas >= 0) w->count = replicas + 1;
    if (w->auto_failover && w->count < 2) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "When using automatic failover, there must be at least 2 cache clusters "
                        "in the replication group.");
    }
    if (w->multi_az && !w->auto_failover) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "MultiAZEnabled needs AutomaticFailoverEnabled.");
    }
    if (nodes_count(c->s) + (size_t)w->count > NODES_MAX)
        return api_fail(c->e, "NodeQuotaForCustomerExceeded", "At most %d nodes.", NODES_MAX);
    return true;
}

static bool places_take(api_call *c, wanted *w)
{
    w->node_type = call_text(c, "CacheNodeType");
    if (!w->node_type && w->snapshot) w->node_type = text_of(w->snapshot, "node_type");
    if (!w->node_type) w->node_type = NODE_TYPE_DEFAULT;
    if (!parameters_of_node_type(w->node_type, "node_type")[0]) {
        return api_fail(c->e, "InvalidParameterValue", "Invalid Cache Node Type: %s.",
                        span_show(span_text(w->node_type)).text);
    }
    w->subnet_group = call_text(c, "CacheSubnetGroupName");
    if (!w->subnet_group) w->subnet_group = "default";
    if (strcmp(w->subnet_group, "default") != 0 &&
        !json_object_get(state_part(c->s, "subnet_groups"), w->subnet_group)) {
        return api_fail(c->e, "CacheSubnetGroupNotFoundFault",
                        "Cache Subnet Group %s does not exist.",
                        span_show(span_text(w->subnet_group)).text);
    }
    const char *family = parameters_family_of(w->engine, w->version);
    (void)snprintf(w->default_group, sizeof w->default_group, "default.%s", family);
    w->parameter_group = call_text(c, "CacheParameterGroupName");
    if (!w->parameter_group) w->parameter_group = w->default_group;
    const char *its = parameters_family(c->s, w->parameter_group);
    if (!its) {
        return api_fail(c->e, "CacheParameterGroupNotFound", "CacheParameterGroup %s not found.",
                        span_show(span_text(w->parameter_group)).text);
    }
    if (strcmp(its, family) == 0) return true;
    return api_fail(c->e, "InvalidParameterCombination",
                    "Expected a parameter group of family %s but found one of family %s.", family,
                    its);
}

static bool flags_take(api_call *c, wanted *w)
{
    w->port = 6379;
    const char *mode = call_text(c, "TransitEncryptionMode");
    if (!call_flag(c, "AutomaticFailoverEnabled", false, &w->auto_failover) ||
        !call_flag(c, "MultiAZEnabled", false, &w->multi_az) ||
        !call_flag(c, "TransitEncryptionEnabled", false, &w->tls) ||
        !call_flag(c, "AtRestEncryptionEnabled", false, &w->at_rest) ||
        !call_flag(c, "AutoMinorVersionUpgrade", true, &w->auto_minor) ||
        !call_number(c, "SnapshotRetentionLimit", 0, 35, &w->retention) ||
        !call_number(c, "Port", 1150, 65535, &w->port))
        return false;
    if (mode && strcmp(mode, "required") != 0)
        return call_lacks(c, "TransitEncryptionMode other than required");
    if (call_text(c, "AuthToken") && !w->tls) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "The AUTH token needs TransitEncryptionEnabled.");
    }
    if (form_item(c->q, "UserGroupIds", "member", 1, NULL) && !w->tls) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "User groups need TransitEncryptionEnabled.");
    }
    return !call_text(c, "AuthToken") || token_check(c, call_text(c, "AuthToken"));
}

static json_t *group_make(api_call *c, const wanted *w)
{
    char primary_host[32];
    char reader_host[32];
    char hash[65];
    const char *window = call_text(c, "PreferredMaintenanceWindow");
    const char *snapshots = call_text(c, "SnapshotWindow");
    state_address(c->s, primary_host);
    state_address(c->s, reader_host);
    json_t *g = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:b,s:b,s:b,s:b,s:b,s:s,s:s,s:s,s:I,s:[],s:[],s:[],s:s}",
        "description", call_text(c, "ReplicationGroupDescription"), "engine", w->engine, "version",
        w->version, "node_type", w->node_type, "port", (json_int_t)w->port, "parameter_group",
        w->parameter_group, "subnet_group", w->subnet_group, "auto_failover", w->auto_failover,
        "multi_az", w->multi_az, "tls", w->tls, "at_rest", w->at_rest, "auto_minor", w->auto_minor,
        "primary_host", primary_host, "reader_host", reader_host, "created",
        clock_show(clock_wall_ms()).text, "snapshot_retention", (json_int_t)w->retention, "nodes",
        "tokens", "user_groups", "window", window ? window : "sun:05:00-sun:06:00");
    if (!g) return NULL;
    text_set(g, "snapshot_window", snapshots ? snapshots : "03:00-04:00");
    const char *token = call_text(c, "AuthToken");
    if (token) {
        password_hash(token, hash);
        (void)json_array_append_new(json_object_get(g, "tokens"), json_string(hash));
    }
    for (int64_t i = 0; i < w->count; i++)
        (void)group_node_add(c->s, w->id, g, i == 0);
    return g;
}

/* A group from a snapshot is as the snapshot's was, where the call says nothing; its engine may be
 * newer, and Valkey where it was Redis. */
static bool snapshot_take(api_call *c, wanted *w)
{
    if (!seed_take(c, &w->seed)) return false;
    const char *name = text_of(w->seed, "snapshot");
    if (!*name) return true;
    w->snapshot = json_object_get(state_part(c->s, "snapshots"), name);
    const char *was = text_of(w->snapshot, "engine");
    const char *product = call_text(c, "Engine");
    const char *version = call_text(c, "EngineVersion");
    if (product && strcmp(product, "redis") == 0 && strcmp(was, "valkey") == 0) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "A snapshot of valkey cannot be restored to redis.");
    }
    if (version && strverscmp(version, text_of(w->snapshot, "version")) < 0) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "A snapshot of version %s cannot be restored to the older version %s.",
                        text_of(w->snapshot, "version"), span_show(span_text(version)).text);
    }
    w->engine = was;
    if (!version && (!product || strcmp(product, was) == 0))
        w->version = text_of(w->snapshot, "version");
    return true;
}

static bool wanted_take(api_call *c, wanted *w, json_t *users)
{
    if (!call_identifier(c, "ReplicationGroupId", 40, w->id)) return false;
    if (group_find(c->s, w->id)) {
        return api_fail(c->e, "ReplicationGroupAlreadyExists",
                        "Replication group %s already exists.", w->id);
    }
    return snapshot_take(c, w) && engine_take(c, w) && flags_take(c, w) && count_take(c, w) &&
           places_take(c, w) && user_groups_take(c, "UserGroupIds", users) &&
           call_tags(c, state_arn(c->s, "replicationgroup", w->id));
}

bool api_create_replication_group(api_call *c, json_t **ret)
{
    wanted w = {0};
    json_t *users = json_array();
    bool taken = wanted_take(c, &w, users);
    json_t *g = taken ? group_make(c, &w) : NULL;
    if (!g) {
        json_decref(users);
        json_decref(w.seed);
        return taken ? api_fail(c->e, "InvalidParameterValue", "A text of the call is not UTF-8.")
                     : false;
    }
    (void)json_object_set_new(g, "user_groups", users);
    if (w.seed) (void)json_object_set_new(g, "seed", w.seed);
    (void)json_object_set_new(state_part(c->s, "groups"), w.id, g);
    group_task(c->s, g, "create", "creating");
    return group_answer(c->s, w.id, g, ret);
}

/* --- modify ---------------------------------------------------------------------------------- */

/* SET, ROTATE, DELETE: auth-and-network section 3. */
static bool token_change(api_call *c, json_t *g, bool now)
{
    const char *token = call_text(c, "AuthToken");
    const char *strategy = call_text(c, "AuthTokenUpdateStrategy");
    json_t *tokens = json_object_get(g, "tokens");
    char hash[65] = "";
    if (!token && !strategy) return true;
    if (!now || !strategy) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "A change of the AUTH token needs AuthTokenUpdateStrategy and "
                        "ApplyImmediately.");
    }
    if (!flag_of(g, "tls")) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "The AUTH token needs in-transit encryption.");
    }
    if (strcmp(strategy, "DELETE") == 0) {
        if (json_array_size(json_object_get(g, "user_groups")) == 0) {
            return api_fail(c->e, "InvalidParameterCombination",
                            "AuthTokenUpdateStrategy DELETE goes together with UserGroupIdsToAdd.");
        }
        (void)json_array_clear(tokens);
        return true;
    }
    bool rotate = strcmp(strategy, "ROTATE") == 0;
    if ((!rotate && strcmp(strategy, "SET") != 0) || !token) {
        return api_fail(c->e, "InvalidParameterValue",
                        "AuthTokenUpdateStrategy must be SET, ROTATE or DELETE, with AuthToken.");
    }
    if (!token_check(c, token)) return false;
    password_hash(token, hash);
    size_t count = json_array_size(tokens);
    bool is_known = false;
    for (size_t i = 0; i < count; i++)
        is_known |= strcmp(json_string_value(json_array_get(tokens, i)), hash) == 0;
    if (!rotate && !is_known) {
        return api_fail(c->e, "InvalidParameterValue",
                        "SET takes the token of the ROTATE before it.");
    }
    if (!rotate) (void)json_array_clear(tokens);
    if (rotate && count == 0) (void)json_object_set_new(g, "open", json_true());
    if (rotate && count == 2) (void)json_array_remove(tokens, 0);
    if (!rotate) (void)json_object_del(g, "open"); /* or was not */
    if (!rotate || !is_known) (void)json_array_append_new(tokens, json_string(hash));
    text_set(g, "token_status", rotate ? "ROTATING" : "SETTING");
    return true;
}

static bool users_change(api_call *c, json_t *g)
{
    bool all = false;
    json_t *list = json_object_get(g, "user_groups");
    if (!call_flag(c, "RemoveUserGroups", false, &all)) return false;
    bool adds = form_item(c->q, "UserGroupIdsToAdd", "member", 1, NULL) != NULL;
    if (adds && !flag_of(g, "tls")) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "User groups need in-transit encryption.");
    }
    if (adds && json_array_size(json_object_get(g, "tokens")) > 0 &&
        strcmp(call_text(c, "AuthTokenUpdateStrategy") ? call_text(c, "AuthTokenUpdateStrategy")
                                                       : "",
               "DELETE") != 0) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "A group with an AUTH token takes a user group together with "
                        "AuthTokenUpdateStrategy DELETE.");
    }
    if (!user_groups_take(c, "UserGroupIdsToAdd", list)) return false;
    if (all) (void)json_array_clear(list);
    for (size_t n = 1;; n++) {
        const char *name = form_item(c->q, "UserGroupIdsToRemove", "member", n, NULL);
        if (!name) return true;
        for (size_t i = json_array_size(list); i > 0; i--) {
            if (strcasecmp(json_string_value(json_array_get(list, i - 1)), name) == 0)
                (void)json_array_remove(list, i - 1);
        }
    }
}

static bool parameter_group_change(api_call *c, json_t *g, json_t *into)
{
    const char *name = call_text(c, "CacheParameterGroupName");
    if (!name) return true;
    const char *its = parameters_family(c->s, name);
    const char *family = parameters_family_of(text_of(g, "engine"), text_of(g, "version"));
    if (!its) {
        return api_fail(c->e, "CacheParameterGroupNotFound", "CacheParameterGroup %s not found.",
                        span_show(span_text(name)).text);
    }
    if (!family || strcmp(its, family) != 0) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "Expected a parameter group of family %s but found one of family %s.",
                        family ? family : "", its);
    }
    text_set(into, "parameter_group", name);
    (void)json_object_set_new(into, "apply_parameters", json_true());
    return true;
}

/* Changes that may wait for the maintenance window, into `into`: the group, or what is pending. */
static bool settings_change(api_call *c, json_t *g, json_t *into)
{
    bool flag = false;
    const char *primary = call_text(c, "PrimaryClusterId");
    if (call_text(c, "AutomaticFailoverEnabled")) {
        if (!call_flag(c, "AutomaticFailoverEnabled", false, &flag)) return false;
        if (flag && json_array_size(json_object_get(g, "nodes")) < 2) {
            return api_fail(c->e, "InvalidParameterCombination",
                            "Automatic failover needs at least one replica.");
        }
        (void)json_object_set_new(into, "auto_failover", json_boolean(flag));
    }
    if (call_text(c, "MultiAZEnabled")) {
        if (!call_flag(c, "MultiAZEnabled", false, &flag)) return false;
        if (flag && !flag_of(g, "auto_failover") && !flag_of(into, "auto_failover")) {
            return api_fail(c->e, "InvalidParameterCombination",
                            "MultiAZEnabled needs AutomaticFailoverEnabled.");
        }
        (void)json_object_set_new(into, "multi_az", json_boolean(flag));
    }
    if (primary) {
        const char *id = NULL;
        json_t *owner = NULL;
        json_t *node = group_node_find(c->s, primary, &id, &owner);
        if (!node || owner != g) {
            return api_fail(c->e, "CacheClusterNotFound", "CacheCluster not found: %s",
                            span_show(span_text(primary)).text);
        }
        if (flag_of(g, "auto_failover") && !json_object_get(into, "auto_failover")) {
            return api_fail(c->e, "InvalidParameterCombination",
                            "A replica can be promoted by hand only without automatic failover.");
        }
        text_set(into, "primary", text_of(node, "id"));
    }
    return parameter_group_change(c, g, into);
}

static bool texts_change(api_call *c, json_t *g)
{
    static const struct {
        const char *parameter;
        const char *member;
    } texts[] = {{"ReplicationGroupDescription", "description"},
                 {"PreferredMaintenanceWindow", "window"},
                 {"SnapshotWindow", "snapshot_window"}};
    int64_t retention = number_of(g, "snapshot_retention");
    bool minor = false;
    if (!call_number(c, "SnapshotRetentionLimit", 0, 35, &retention) ||
        !call_flag(c, "AutoMinorVersionUpgrade", flag_of(g, "auto_minor"), &minor))
        return false;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (call_text(c, texts[i].parameter))
            text_set(g, texts[i].member, call_text(c, texts[i].parameter));
    }
    (void)json_object_set_new(g, "snapshot_retention", json_integer(retention));
    (void)json_object_set_new(g, "auto_minor", json_boolean(minor));
    return true;
}

bool api_modify_replication_group(api_call *c, json_t **ret)
{
    const char *id = NULL;
    json_t *g = NULL;
    bool now = false;
    if (!group_of_call(c, true, &id, &g) || !call_flag(c, "ApplyImmediately", false, &now))
        return false;
    json_t *changed = json_deep_copy(g); /* what fails half way leaves no trace */
    json_t *waits = json_object();
    bool done = users_change(c, changed) && token_change(c, changed, now) &&
                settings_change(c, g, waits) && texts_change(c, changed);
    if (done && json_object_size(waits) > 0 && !now) {
        int64_t due = clock_wall_ms() + state_delay_ms(c->s, WINDOW_SECONDS);
        (void)json_object_set(changed, "pending", waits);
        (void)json_object_set_new(changed, "pending_due_ms", json_integer(due));
    } else if (done) {
        (void)json_object_update(changed, waits);
    }
    if (done) {
        (void)json_object_clear(g);
        (void)json_object_update(g, changed);
        group_task(c->s, g, "modify", "modifying");
    }
    json_decref(waits);
    json_decref(changed);
    return done && group_answer(c->s, id, g, ret);
}

bool api_delete_replication_group(api_call *c, json_t **ret)
{
    const char *id = NULL;
    json_t *g = NULL;
    bool retain = false;
    if (!group_of_call(c, false, &id, &g) || !call_flag(c, "RetainPrimaryCluster", false, &retain))
        return false;
    if (retain) return call_lacks(c, "RetainPrimaryCluster");
    const char *last = call_text(c, "FinalSnapshotIdentifier");
    char name[64];
    const char *status = text_of(g, "status");
    if (strcmp(status, "available") != 0 && strcmp(status, "create-failed") != 0) {
        return api_fail(c->e, "InvalidReplicationGroupState",
                        "Replication group %s is not in a deletable state: it is %s.", id, status);
    }
    if (last) {
        if (!snapshot_name_take(c, "FinalSnapshotIdentifier", name)) return false;
        if (strcmp(status, "available") != 0) {
            return api_fail(c->e, "InvalidReplicationGroupState",
                            "Replication group %s has nothing to be saved: it is %s.", id, status);
        }
        snapshot_begin(c->s, name, id, g, NULL);
    }
    group_task(c->s, g, last ? "save-and-delete" : "delete", "deleting");
    return group_answer(c->s, id, g, ret);
}
