#include "sandbox/api.h"

#include <ctype.h>
#include <stdarg.h>

#define PAGE_DEFAULT 100
#define PAGE_MIN 20
#define TAGS_MAX 50

#define PAGES " MaxRecords Marker"

static const api_operation operations[] = {
    {"elasticache", "CreateReplicationGroup",
     "ReplicationGroupId! ReplicationGroupDescription! Engine EngineVersion CacheNodeType "
     "NumCacheClusters NumNodeGroups ReplicasPerNodeGroup AutomaticFailoverEnabled MultiAZEnabled "
     "CacheParameterGroupName CacheSubnetGroupName SecurityGroupIds. Port "
     "TransitEncryptionEnabled TransitEncryptionMode AtRestEncryptionEnabled AuthToken "
     "UserGroupIds. Tags. AutoMinorVersionUpgrade PreferredMaintenanceWindow ClusterMode "
     "PreferredCacheClusterAZs. SnapshotRetentionLimit SnapshotWindow NetworkType IpDiscovery "
     "SnapshotName SnapshotArns.",
     api_create_replication_group},
    {"elasticache", "DescribeReplicationGroups", "ReplicationGroupId" PAGES,
     api_describe_replication_groups},
    {"elasticache", "ModifyReplicationGroup",
     "ReplicationGroupId! ReplicationGroupDescription ApplyImmediately AuthToken "
     "AuthTokenUpdateStrategy UserGroupIdsToAdd. UserGroupIdsToRemove. RemoveUserGroups "
     "CacheParameterGroupName AutomaticFailoverEnabled MultiAZEnabled PrimaryClusterId "
     "PreferredMaintenanceWindow SnapshotRetentionLimit SnapshotWindow AutoMinorVersionUpgrade",
     api_modify_replication_group},
    {"elasticache", "DeleteReplicationGroup",
     "ReplicationGroupId! RetainPrimaryCluster FinalSnapshotIdentifier",
     api_delete_replication_group},
    {"elasticache", "CreateSnapshot", "SnapshotName! ReplicationGroupId CacheClusterId Tags.",
     api_create_snapshot},
    {"elasticache", "DescribeSnapshots",
     "SnapshotName ReplicationGroupId CacheClusterId SnapshotSource ShowNodeGroupConfig" PAGES,
     api_describe_snapshots},
    {"elasticache", "CopySnapshot", "SourceSnapshotName! TargetSnapshotName! TargetBucket Tags.",
     api_copy_snapshot},
    {"elasticache", "DeleteSnapshot", "SnapshotName!", api_delete_snapshot},
    {"elasticache", "TestFailover", "ReplicationGroupId! NodeGroupId!", api_test_failover},
    {"elasticache", "IncreaseReplicaCount", "ReplicationGroupId! NewReplicaCount ApplyImmediately!",
     api_increase_replicas},
    {"elasticache", "DecreaseReplicaCount",
     "ReplicationGroupId! NewReplicaCount ReplicasToRemove. ApplyImmediately!",
     api_decrease_replicas},
    {"elasticache", "DescribeCacheClusters",
     "CacheClusterId ShowCacheNodeInfo ShowCacheClustersNotInReplicationGroups" PAGES,
     api_describe_cache_clusters},
    {"elasticache", "RebootCacheCluster", "CacheClusterId! CacheNodeIdsToReboot.",
     api_reboot_cache_cluster},
    {"elasticache", "CreateCacheParameterGroup",
     "CacheParameterGroupName! CacheParameterGroupFamily! Description! Tags.",
     api_create_parameter_group},
    {"elasticache", "DescribeCacheParameterGroups", "CacheParameterGroupName" PAGES,
     api_describe_parameter_groups},
    {"elasticache", "ModifyCacheParameterGroup", "CacheParameterGroupName! ParameterNameValues.",
     api_modify_parameter_group},
    {"elasticache", "ResetCacheParameterGroup",
     "CacheParameterGroupName! ResetAllParameters ParameterNameValues.", api_reset_parameter_group},
    {"elasticache", "DeleteCacheParameterGroup", "CacheParameterGroupName!",
     api_delete_parameter_group},
    {"elasticache", "DescribeCacheParameters", "CacheParameterGroupName! Source" PAGES,
     api_describe_parameters},
    {"elasticache", "DescribeEngineDefaultParameters", "CacheParameterGroupFamily!" PAGES,
     api_describe_default_parameters},
    {"elasticache", "DescribeCacheEngineVersions",
     "Engine EngineVersion CacheParameterGroupFamily DefaultOnly" PAGES,
     api_describe_engine_versions},
    {"elasticache", "CreateCacheSubnetGroup",
     "CacheSubnetGroupName! CacheSubnetGroupDescription! SubnetIds. Tags.",
     api_create_subnet_group},
    {"elasticache", "DescribeCacheSubnetGroups", "CacheSubnetGroupName" PAGES,
     api_describe_subnet_groups},
    {"elasticache", "ModifyCacheSubnetGroup",
     "CacheSubnetGroupName! CacheSubnetGroupDescription SubnetIds.", api_modify_subnet_group},
    {"elasticache", "DeleteCacheSubnetGroup", "CacheSubnetGroupName!", api_delete_subnet_group},
    {"elasticache", "DescribeEvents",
     "SourceIdentifier SourceType StartTime EndTime Duration" PAGES, api_describe_events},
    {"elasticache", "AddTagsToResource", "ResourceName! Tags.", api_add_tags},
    {"elasticache", "ListTagsForResource", "ResourceName!", api_list_tags},
    {"elasticache", "RemoveTagsFromResource", "ResourceName! TagKeys.", api_remove_tags},
    {"elasticache", "CreateUser",
     "UserId! UserName! Engine! AccessString! Passwords. NoPasswordRequired AuthenticationMode. "
     "Tags.",
     api_create_user},
    {"elasticache", "DescribeUsers", "Engine UserId" PAGES, api_describe_users},
    {"elasticache", "ModifyUser",
     "UserId! AccessString AppendAccessString Passwords. NoPasswordRequired AuthenticationMode.",
     api_modify_user},
    {"elasticache", "DeleteUser", "UserId!", api_delete_user},
    {"elasticache", "CreateUserGroup", "UserGroupId! Engine! UserIds. Tags.",
     api_create_user_group},
    {"elasticache", "DescribeUserGroups", "UserGroupId" PAGES, api_describe_user_groups},
    {"elasticache", "ModifyUserGroup", "UserGroupId! UserIdsToAdd. UserIdsToRemove.",
     api_modify_user_group},
    {"elasticache", "DeleteUserGroup", "UserGroupId!", api_delete_user_group},
    {"sts", "GetCallerIdentity", "", api_get_caller_identity},
};

const api_operation *api_operation_at(size_t n)
{
    return n < COUNT_OF(operations) ? &operations[n] : NULL;
}

bool api_fail(api_error *e, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(e->message, sizeof e->message, format, args); /* or cut */
    va_end(args);
    e->code = code;
    /* The model gives 404 to these faults; subnet groups answer 400 (API model, httpStatusCode). */
    bool missing = strstr(code, "NotFound") && strcmp(code, "CacheSubnetGroupNotFoundFault") != 0;
    e->status = missing                                ? 404
                : strcmp(code, "NotImplemented") == 0  ? 501
                : strcmp(code, "InternalFailure") == 0 ? 500
                                                       : 400;
    return false;
}

bool call_lacks(const api_call *c, const char *what)
{
    return api_fail(c->e, "NotImplemented", "The sandbox does not have %s.", what);
}

const char *call_text(const api_call *c, const char *name)
{
    return form_text(c->q, name);
}

bool call_flag(const api_call *c, const char *name, bool otherwise, bool *ret)
{
    const char *text = call_text(c, name);
    *ret = otherwise;
    if (!text) return true;
    *ret = strcasecmp(text, "true") == 0;
    if (*ret || strcasecmp(text, "false") == 0) return true;
    return api_fail(c->e, "InvalidParameterValue", "%s must be true or false.", name);
}

bool call_number(const api_call *c, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const char *text = call_text(c, name);
    int64_t value = 0;
    if (!text) return true;
    if (!span_to_i64(span_text(text), &value) || value < min || value > max) {
        return api_fail(c->e, "InvalidParameterValue",
                        "%s must be a number from %" PRId64 " to %" PRId64 ".", name, min, max);
    }
    *ret = value;
    return true;
}

bool call_identifier(const api_call *c, const char *name, size_t max, char ret[64])
{
    const char *text = call_text(c, name);
    size_t size = text ? strlen(text) : 0;
    assert(max < 64);
    bool good = size > 0 && size <= max && isalpha((unsigned char)text[0]) != 0 &&
                text[size - 1] != '-' && !strstr(text, "--");
    for (size_t i = 0; good && i < size; i++) {
        good = isalnum((unsigned char)text[i]) != 0 || text[i] == '-' || text[i] == '.';
        ret[i] = (char)tolower((unsigned char)text[i]);
    }
    ret[good ? size : 0] = '\0';
    return good ||
           api_fail(c->e, "InvalidParameterValue",
                    "The parameter %s is not a valid identifier. Identifiers must begin with a "
                    "letter; must contain only ASCII letters, digits, and hyphens; and must not "
                    "end with a hyphen or contain two consecutive hyphens; at most %zu characters.",
                    name, max);
}

bool call_page(const api_call *c, const char *name, json_t *all, json_t **ret)
{
    return call_page_of(c, name, all, PAGE_DEFAULT, ret);
}

bool call_page_of(const api_call *c, const char *name, json_t *all, int64_t most, json_t **ret)
{
    int64_t page_max = most;
    int64_t first = 0;
    const char *marker = call_text(c, "Marker");
    json_t *page = NULL;
    if (!call_number(c, "MaxRecords", PAGE_MIN, most, &page_max)) goto failed;
    if (marker && (!span_to_i64(span_text(marker), &first) || first < 0 ||
                   first > (int64_t)json_array_size(all))) {
        (void)api_fail(c->e, "InvalidParameterValue", "The marker is not one of this call.");
        goto failed;
    }
    page = json_array();
    int64_t count = (int64_t)json_array_size(all);
    for (int64_t i = first; i < count && i < first + page_max; i++)
        (void)json_array_append(page, json_array_get(all, (size_t)i));
    *ret = json_pack("{s:o}", name, page);
    if (first + page_max < count) {
        char next[32];
        (void)snprintf(next, sizeof next, "%" PRId64, first + page_max);
        text_set(*ret, "Marker", next);
    }
    json_decref(all);
    return true;
failed:
    json_decref(all);
    return false;
}

/* Is `name` among the operation's parameters? */
static bool takes(const api_operation *o, const char *name)
{
    span rest = span_text(o->parameters);
    span word;
    while (span_cut(&rest, ' ', &word)) {
        bool is_list = word.size > 0 && word.at[word.size - 1] == '.';
        if (word.size > 0 && word.at[word.size - 1] == '!') word.size--;
        if (is_list && strncmp(name, (const char *)word.at, word.size) == 0) return true;
        if (!is_list && span_is(word, name)) return true;
        /* An empty list is sent as its bare name. */
        if (is_list && span_is(span_of(word.at, word.size - 1), name)) return true;
    }
    return false;
}

static bool needed_are_there(const api_operation *o, const form *q, api_error *e)
{
    span rest = span_text(o->parameters);
    span word;
    while (span_cut(&rest, ' ', &word)) {
        if (word.size == 0 || word.at[word.size - 1] != '!') continue;
        char name[128];
        (void)snprintf(name, sizeof name, "%.*s", (int)word.size - 1, (const char *)word.at);
        const char *value = form_text(q, name);
        if (value && value[0]) continue;
        return api_fail(e, value ? "InvalidParameterValue" : "MissingParameter",
                        "The request must contain the parameter %s.", name);
    }
    return true;
}

static bool parameters_check(const api_operation *o, const form *q, api_error *e)
{
    for (size_t i = 0; i < q->count; i++) {
        const char *name = q->pairs[i].name;
        if (strcmp(name, "Action") == 0 || strcmp(name, "Version") == 0) continue;
        if (strncmp(name, "X-Amz-", 6) == 0) continue; /* of a presigned call */
        if (!takes(o, name)) {
            return api_fail(e, "NotImplemented",
                            "The sandbox does not have the parameter %s of %s.",
                            span_show(span_text(name)).text, o->name);
        }
    }
    return needed_are_there(o, q, e);
}

bool api_run(sandbox *s,
             const char *service,
             const form *q,
             const char **ret_operation,
             json_t **ret,
             api_error *e)
{
    const char *action = form_text(q, "Action");
    if (!action) return api_fail(e, "MissingAction", "The request must contain an Action.");
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        const api_operation *o = &operations[i];
        if (strcmp(o->name, action) != 0 || strcmp(o->service, service) != 0) continue;
        *ret_operation = o->name;
        api_call c = {.s = s, .q = q, .e = e};
        return parameters_check(o, q, e) && o->run(&c, ret);
    }
    return api_fail(e, "NotImplemented", "The sandbox does not have the operation %s of %s.",
                    span_show(span_text(action)).text, span_show(span_text(service)).text);
}
