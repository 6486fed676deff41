/* A group and its nodes in the shape of the API. */
#include "sandbox/group.h"
#include "sandbox/programs.h"

/* "us-east-1" -> "use1", as the service shortens regions in names. */
static void region_short(const char *region, char ret[16])
{
    char first[8] = "";
    char second = 'x';
    const char *dash = strchr(region, '-');
    (void)snprintf(first, sizeof first, "%.*s", dash ? (int)(dash - region) : 2, region);
    if (dash) second = dash[1];
    (void)snprintf(ret, 16, "%s%c%c", first, second, region[strlen(region) - 1]);
}

group_name group_name_of(
    sandbox *s, const char *id, const json_t *g, group_name_kind kind, const char *node_id)
{
    /* auth-and-network section 6: the form depends on TLS. */
    static const char *const forms[2][3] = {
        {"%s.%s.ng.0001.%s." NAME_SUFFIX, "%s-ro.%s.ng.0001.%s." NAME_SUFFIX,
         "%s.%s.0001.%s." NAME_SUFFIX},
        {"master.%s.%s.%s." NAME_SUFFIX, "replica.%s.%s.%s." NAME_SUFFIX, NULL},
    };
    group_name n;
    char region[16];
    const char *hash = state_text(s, "hash");
    region_short(state_text(s, "region"), region);
    bool tls = flag_of(g, "tls");
    if (tls && kind == NAME_NODE) {
        (void)snprintf(n.text, sizeof n.text, "%s.%s.%s.%s." NAME_SUFFIX, node_id, id, hash,
                       region);
        return n;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(n.text, sizeof n.text, forms[tls][kind], kind == NAME_NODE ? node_id : id, hash,
                   region);
#pragma GCC diagnostic pop
    return n;
}

static json_t *
endpoint(sandbox *s, const char *id, json_t *g, group_name_kind kind, const json_t *node)
{
    const char *plain[] = {[NAME_PRIMARY] = text_of(g, "primary_host"),
                           [NAME_READER] = text_of(g, "reader_host"),
                           [NAME_NODE] = text_of(node, "host")};
    return json_pack("{s:s,s:I}", "Address",
                     s->plain_endpoints ? plain[kind]
                                        : group_name_of(s, id, g, kind, text_of(node, "id")).text,
                     "Port", (json_int_t)number_of(g, "port"));
}

static bool is_up(const json_t *g)
{
    return strcmp(text_of(g, "status"), "creating") != 0 &&
           strcmp(text_of(g, "status"), "create-failed") != 0;
}

static json_t *members_show(sandbox *s, const char *id, json_t *g)
{
    json_t *members = json_array();
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        json_t *m = json_pack("{s:s,s:s,s:s}", "CacheClusterId", text_of(node, "id"), "CacheNodeId",
                              GROUP_NODE, "PreferredAvailabilityZone", text_of(node, "zone"));
        if (is_up(g)) {
            text_set(m, "CurrentRole", flag_of(node, "is_primary") ? "primary" : "replica");
            (void)json_object_set_new(m, "ReadEndpoint", endpoint(s, id, g, NAME_NODE, node));
        }
        (void)json_array_append_new(members, m);
    }
    return members;
}

static json_t *pending_show(json_t *g)
{
    json_t *pending = json_object();
    json_t *wait = json_object_get(g, "pending");
    if (json_object_get(g, "token_status"))
        text_set(pending, "AuthTokenStatus", text_of(g, "token_status"));
    if (json_object_get(wait, "auto_failover")) {
        text_set(pending, "AutomaticFailoverStatus",
                 flag_of(wait, "auto_failover") ? "enabled" : "disabled");
    }
    if (json_object_get(wait, "primary"))
        text_set(pending, "PrimaryClusterId", text_of(wait, "primary"));
    return pending;
}

json_t *group_show(sandbox *s, const char *id, json_t *g)
{
    json_t *r =
        json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:b,s:s,s:b,s:b,s:b,s:o,s:s,s:b,s:s,s:s}",
                  "ReplicationGroupId", id, "Description", text_of(g, "description"), "Status",
                  text_of(g, "status"), "PendingModifiedValues", pending_show(g),
                  "AutomaticFailover", flag_of(g, "auto_failover") ? "enabled" : "disabled",
                  "MultiAZ", flag_of(g, "multi_az") ? "enabled" : "disabled", "ClusterEnabled", 0,
                  "CacheNodeType", text_of(g, "node_type"), "AuthTokenEnabled",
                  json_array_size(json_object_get(g, "tokens")) > 0, "TransitEncryptionEnabled",
                  flag_of(g, "tls"), "AtRestEncryptionEnabled", flag_of(g, "at_rest"), "ARN",
                  state_arn(s, "replicationgroup", id), "ReplicationGroupCreateTime",
                  text_of(g, "created"), "AutoMinorVersionUpgrade", flag_of(g, "auto_minor"),
                  "ClusterMode", "disabled", "Engine", text_of(g, "engine"));
    (void)json_object_set_new(r, "SnapshotRetentionLimit",
                              json_integer(number_of(g, "snapshot_retention")));
    text_set(r, "SnapshotWindow", text_of(g, "snapshot_window"));
    text_set(r, "NetworkType", "ipv4");
    text_set(r, "IpDiscovery", "ipv4");
    if (flag_of(g, "tls")) text_set(r, "TransitEncryptionMode", "required");
    if (json_array_size(json_object_get(g, "user_groups")) > 0)
        (void)json_object_set(r, "UserGroupIds", json_object_get(g, "user_groups"));
    json_t *clusters = json_array();
    size_t at = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        (void)json_array_append(clusters, json_object_get(node, "id"));
    }
    (void)json_object_set_new(r, "MemberClusters", clusters);
    json_t *shard = json_pack("{s:s,s:s,s:o}", "NodeGroupId", GROUP_NODE, "Status",
                              text_of(g, "status"), "NodeGroupMembers", members_show(s, id, g));
    if (is_up(g)) {
        (void)json_object_set_new(shard, "PrimaryEndpoint", endpoint(s, id, g, NAME_PRIMARY, NULL));
        (void)json_object_set_new(shard, "ReaderEndpoint", endpoint(s, id, g, NAME_READER, NULL));
    }
    (void)json_object_set_new(r, "NodeGroups", json_pack("[o]", shard));
    return r;
}

bool group_answer(sandbox *s, const char *id, json_t *g, json_t **ret)
{
    *ret = json_pack("{s:o}", "ReplicationGroup", group_show(s, id, g));
    return true;
}

/* What a node says it is: the service shows the version with its patch number. */
static const char *version_show(sandbox *s, const json_t *g)
{
    const engine_program *p =
        programs_choose(&s->programs, text_of(g, "engine"), text_of(g, "version"));
    const char *own = p ? p->version : "";
    size_t size = strlen(text_of(g, "version"));
    bool same = strncmp(own, text_of(g, "version"), size) == 0 && own[size] == '.';
    return same ? own : text_of(g, "version");
}

json_t *group_node_show(sandbox *s, const char *id, json_t *g, json_t *node, bool with_nodes)
{
    const char *status = text_of(node, "status");
    bool applies = flag_of(g, "apply_parameters");
    bool reboot = flag_of(node, "needs_reboot");
    json_t *r = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:s,s:{s:s,s:s,s:[]},s:[],s:b,s:s,s:b,s:b,s:b,s:o}",
        "CacheClusterId", text_of(node, "id"), "CacheNodeType", text_of(g, "node_type"), "Engine",
        text_of(g, "engine"), "EngineVersion", version_show(s, g), "CacheClusterStatus", status,
        "NumCacheNodes", 1, "PreferredAvailabilityZone", text_of(node, "zone"),
        "CacheClusterCreateTime", text_of(node, "created"), "PreferredMaintenanceWindow",
        text_of(g, "window"), "CacheParameterGroup", "CacheParameterGroupName",
        text_of(g, "parameter_group"), "ParameterApplyStatus",
        applies  ? "applying"
        : reboot ? "pending-reboot"
                 : "in-sync",
        "CacheNodeIdsToReboot", "CacheSecurityGroups", "AutoMinorVersionUpgrade",
        flag_of(g, "auto_minor"), "ReplicationGroupId", id, "AuthTokenEnabled",
        json_array_size(json_object_get(g, "tokens")) > 0, "TransitEncryptionEnabled",
        flag_of(g, "tls"), "AtRestEncryptionEnabled", flag_of(g, "at_rest"), "ARN",
        state_arn(s, "cluster", text_of(node, "id")));
    text_set(r, "CacheSubnetGroupName", text_of(g, "subnet_group"));
    if (reboot) {
        (void)json_array_append_new(
            json_object_get(json_object_get(r, "CacheParameterGroup"), "CacheNodeIdsToReboot"),
            json_string(GROUP_NODE));
    }
    if (!with_nodes) return r;
    json_t *inner = json_pack("{s:s,s:s,s:s,s:s,s:s}", "CacheNodeId", GROUP_NODE, "CacheNodeStatus",
                              status, "CacheNodeCreateTime", text_of(node, "created"),
                              "ParameterGroupStatus", applies ? "applying" : "in-sync",
                              "CustomerAvailabilityZone", text_of(node, "zone"));
    if (is_up(g)) {
        (void)json_object_set_new(inner, "Endpoint", endpoint(s, id, g, NAME_NODE, node));
    }
    (void)json_object_set_new(r, "CacheNodes", json_pack("[o]", inner));
    return r;
}

bool api_describe_replication_groups(api_call *c, json_t **ret)
{
    const char *wanted = call_text(c, "ReplicationGroupId");
    const char *id = NULL;
    json_t *g = NULL;
    if (wanted && !group_of_call(c, false, &id, &g)) return false;
    json_t *all = json_array();
    json_object_foreach(state_part(c->s, "groups"), id, g)
    {
        if (!wanted || strcasecmp(id, wanted) == 0)
            (void)json_array_append_new(all, group_show(c->s, id, g));
    }
    return call_page(c, "ReplicationGroups", all, ret);
}

bool api_describe_cache_clusters(api_call *c, json_t **ret)
{
    const char *wanted = call_text(c, "CacheClusterId");
    bool with_nodes = false;
    bool alone = false;
    const char *id = NULL;
    json_t *g = NULL;
    if (!call_flag(c, "ShowCacheNodeInfo", false, &with_nodes) ||
        !call_flag(c, "ShowCacheClustersNotInReplicationGroups", false, &alone))
        return false;
    json_t *all = json_array();
    json_object_foreach(state_part(c->s, "groups"), id, g)
    {
        size_t at = 0;
        json_t *node = NULL;
        json_array_foreach(json_object_get(g, "nodes"), at, node)
        {
            bool is_it = !wanted || strcasecmp(wanted, text_of(node, "id")) == 0;
            if (is_it && !alone)
                (void)json_array_append_new(all, group_node_show(c->s, id, g, node, with_nodes));
        }
    }
    if (!wanted || json_array_size(all) > 0) return call_page(c, "CacheClusters", all, ret);
    json_decref(all);
    return api_fail(c->e, "CacheClusterNotFound", "CacheCluster not found: %s",
                    span_show(span_text(wanted)).text);
}
