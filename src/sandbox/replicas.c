/* Failover on request, more and fewer replicas, reboot. */
#include "sandbox/group.h"

bool api_test_failover(api_call *c, json_t **ret)
{
    const char *id = NULL;
    json_t *g = NULL;
    const char *shard = call_text(c, "NodeGroupId");
    if (!group_of_call(c, true, &id, &g)) return false;
    if (strcmp(shard, GROUP_NODE) != 0) {
        return api_fail(c->e, "NodeGroupNotFoundFault", "NodeGroup %s not found.",
                        span_show(span_text(shard)).text);
    }
    if (!flag_of(g, "auto_failover")) {
        return api_fail(c->e, "InvalidReplicationGroupState",
                        "Automatic failover is not enabled for replication group %s.", id);
    }
    group_task(c->s, g, "failover", "modifying");
    return group_answer(c->s, id, g, ret);
}

/* How many replicas are wanted; the group must be able to have them. */
static bool count_take(api_call *c, json_t *g, bool more, int64_t *ret)
{
    bool now = false;
    int64_t have = (int64_t)json_array_size(json_object_get(g, "nodes")) - 1;
    *ret = -1;
    if (!call_flag(c, "ApplyImmediately", false, &now) ||
        !call_number(c, "NewReplicaCount", 0, GROUP_NODES_MAX - 1, ret))
        return false;
    if (!now) {
        return api_fail(c->e, "InvalidParameterValue",
                        "ApplyImmediately=false is not supported for this operation.");
    }
    if (*ret < 0 && more)
        return api_fail(c->e, "InvalidParameterCombination", "NewReplicaCount is needed.");
    if (*ret == have) {
        return api_fail(c->e, "NoOperationFault", "The group has %" PRId64 " replicas already.",
                        have);
    }
    if (*ret >= 0 && (*ret > have) != more) {
        return api_fail(c->e, "InvalidParameterValue",
                        "NewReplicaCount must be %s than the present %" PRId64 ".",
                        more ? "greater" : "smaller", have);
    }
    return true;
}

bool api_increase_replicas(api_call *c, json_t **ret)
{
    const char *id = NULL;
    json_t *g = NULL;
    int64_t count = 0;
    if (!group_of_call(c, true, &id, &g) || !count_take(c, g, true, &count)) return false;
    while ((int64_t)json_array_size(json_object_get(g, "nodes")) < count + 1)
        (void)group_node_add(c->s, id, g, false);
    group_task(c->s, g, "grow", "modifying");
    return group_answer(c->s, id, g, ret);
}

/* Marks the replicas that go: those named, else the youngest. */
static bool leaving_mark(api_call *c, json_t *g, int64_t count)
{
    json_t *nodes = json_object_get(g, "nodes");
    size_t named = 0;
    for (size_t n = 1;; n++) {
        const char *wanted = form_item(c->q, "ReplicasToRemove", "member", n, NULL);
        const char *id = NULL;
        json_t *owner = NULL;
        if (!wanted) break;
        json_t *node = group_node_find(c->s, wanted, &id, &owner);
        if (!node || owner != g) {
            return api_fail(c->e, "CacheClusterNotFound", "CacheCluster not found: %s",
                            span_show(span_text(wanted)).text);
        }
        if (flag_of(node, "is_primary"))
            return api_fail(c->e, "InvalidParameterValue", "%s is the primary.", wanted);
        named += flag_of(node, "leaves") ? 0 : 1;
        (void)json_object_set_new(node, "leaves", json_true());
    }
    int64_t have = (int64_t)json_array_size(nodes) - 1;
    if (named == 0 && count < 0) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "NewReplicaCount or ReplicasToRemove is needed.");
    }
    if (named > 0) count = have - (int64_t)named;
    for (size_t i = json_array_size(nodes); named == 0 && i > 0 && have > count; i--) {
        json_t *node = json_array_get(nodes, i - 1);
        if (flag_of(node, "is_primary")) continue;
        (void)json_object_set_new(node, "leaves", json_true());
        have--;
    }
    if (count < 1 && flag_of(g, "auto_failover")) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "A group with automatic failover needs at least one replica.");
    }
    return true;
}

bool api_decrease_replicas(api_call *c, json_t **ret)
{
    const char *id = NULL;
    json_t *g = NULL;
    int64_t count = 0;
    if (!group_of_call(c, true, &id, &g) || !count_take(c, g, false, &count)) return false;
    if (!leaving_mark(c, g, count)) {
        size_t at = 0;
        json_t *node = NULL;
        json_array_foreach(json_object_get(g, "nodes"), at, node)
        {
            (void)json_object_del(node, "leaves"); /* or was not marked */
        }
        return false;
    }
    group_task(c->s, g, "shrink", "modifying");
    return group_answer(c->s, id, g, ret);
}

bool api_reboot_cache_cluster(api_call *c, json_t **ret)
{
    const char *wanted = call_text(c, "CacheClusterId");
    const char *id = NULL;
    json_t *g = NULL;
    json_t *node = group_node_find(c->s, wanted, &id, &g);
    if (!node) {
        return api_fail(c->e, "CacheClusterNotFound", "CacheCluster not found: %s",
                        span_show(span_text(wanted)).text);
    }
    if (strcmp(text_of(g, "status"), "available") != 0) {
        return api_fail(c->e, "InvalidCacheClusterState", "Cache cluster %s is not available.",
                        text_of(node, "id"));
    }
    text_set(node, "status", "rebooting cluster nodes");
    group_task(c->s, g, "reboot", "modifying");
    *ret = json_pack("{s:o}", "CacheCluster", group_node_show(c->s, id, g, node, true));
    return true;
}
