/* Subnet groups: names only; the sandbox has one network, 127.0.0.0/8. */
#include "sandbox/api.h"

#define SUBNETS_MAX 20
#define GROUPS_MAX 300
#define NOT_FOUND "CacheSubnetGroupNotFoundFault"

static json_t *subnet_group_show(sandbox *s, const char *name, json_t *g)
{
    json_t *subnets = json_array();
    size_t at = 0;
    json_t *id = NULL;
    json_array_foreach(json_object_get(g, "subnets"), at, id)
    {
        char zone[32];
        (void)snprintf(zone, sizeof zone, "%s%c", state_text(s, "region"), (int)('a' + at % 3));
        (void)json_array_append_new(subnets, json_pack("{s:O,s:{s:s}}", "SubnetIdentifier", id,
                                                       "SubnetAvailabilityZone", "Name", zone));
    }
    return json_pack("{s:s,s:s,s:s,s:o,s:o}", "CacheSubnetGroupName", name,
                     "CacheSubnetGroupDescription", text_of(g, "description"), "VpcId",
                     "vpc-5a5db0x", "Subnets", subnets, "ARN", state_arn(s, "subnetgroup", name));
}

/* The subnets of the call; an empty list when it names none. */
static bool subnets_take(api_call *c, json_t **ret)
{
    json_t *list = json_array();
    for (size_t n = 1;; n++) {
        const char *id = form_item(c->q, "SubnetIds", "SubnetIdentifier", n, NULL);
        if (!id) break;
        bool good = strncmp(id, "subnet-", 7) == 0;
        if (good && n <= SUBNETS_MAX) {
            (void)json_array_append_new(list, json_string(id));
            continue;
        }
        json_decref(list);
        return good ? api_fail(c->e, "CacheSubnetQuotaExceededFault", "At most %d subnets.",
                               SUBNETS_MAX)
                    : api_fail(c->e, "InvalidSubnet", "The subnet ID %s does not exist.",
                               span_show(span_text(id)).text);
    }
    *ret = list;
    return true;
}

bool api_create_subnet_group(api_call *c, json_t **ret)
{
    char name[64];
    json_t *groups = state_part(c->s, "subnet_groups");
    json_t *subnets = NULL;
    if (!call_identifier(c, "CacheSubnetGroupName", 63, name)) return false;
    if (json_object_get(groups, name)) {
        return api_fail(c->e, "CacheSubnetGroupAlreadyExists",
                        "Cache subnet group %s already exists.", name);
    }
    if (json_object_size(groups) >= GROUPS_MAX) {
        return api_fail(c->e, "CacheSubnetGroupQuotaExceeded", "At most %d subnet groups.",
                        GROUPS_MAX);
    }
    if (!subnets_take(c, &subnets)) return false;
    if (json_array_size(subnets) == 0) {
        json_decref(subnets);
        return api_fail(c->e, "InvalidParameterValue", "SubnetIds must name a subnet.");
    }
    json_t *g = json_pack("{s:s,s:o}", "description", call_text(c, "CacheSubnetGroupDescription"),
                          "subnets", subnets);
    if (!g) return api_fail(c->e, "InvalidParameterValue", "The description is not UTF-8.");
    if (!call_tags(c, state_arn(c->s, "subnetgroup", name))) {
        json_decref(g);
        return false;
    }
    (void)json_object_set_new(groups, name, g);
    c->s->dirty = true;
    *ret = json_pack("{s:o}", "CacheSubnetGroup", subnet_group_show(c->s, name, g));
    return true;
}

bool api_describe_subnet_groups(api_call *c, json_t **ret)
{
    const char *wanted = call_text(c, "CacheSubnetGroupName");
    const char *name = NULL;
    json_t *g = NULL;
    json_t *all = json_array();
    json_object_foreach(state_part(c->s, "subnet_groups"), name, g)
    {
        if (!wanted || strcasecmp(wanted, name) == 0)
            (void)json_array_append_new(all, subnet_group_show(c->s, name, g));
    }
    if (wanted && json_array_size(all) == 0) {
        json_decref(all);
        return api_fail(c->e, NOT_FOUND, "Cache Subnet Group %s does not exist.",
                        span_show(span_text(wanted)).text);
    }
    return call_page(c, "CacheSubnetGroups", all, ret);
}

static bool own_group(api_call *c, char name[64], json_t **ret)
{
    if (!call_identifier(c, "CacheSubnetGroupName", 63, name)) return false;
    *ret = json_object_get(state_part(c->s, "subnet_groups"), name);
    return *ret || api_fail(c->e, NOT_FOUND, "Cache Subnet Group %s does not exist.", name);
}

bool api_modify_subnet_group(api_call *c, json_t **ret)
{
    char name[64];
    json_t *g = NULL;
    json_t *subnets = NULL;
    const char *description = call_text(c, "CacheSubnetGroupDescription");
    if (!own_group(c, name, &g) || !subnets_take(c, &subnets)) return false;
    if (description) text_set(g, "description", description);
    if (json_array_size(subnets) > 0) (void)json_object_set(g, "subnets", subnets);
    json_decref(subnets);
    c->s->dirty = true;
    *ret = json_pack("{s:o}", "CacheSubnetGroup", subnet_group_show(c->s, name, g));
    return true;
}

bool api_delete_subnet_group(api_call *c, json_t **ret)
{
    char name[64];
    const char *id = NULL;
    json_t *g = NULL;
    (void)ret;
    if (!own_group(c, name, &g)) return false;
    json_object_foreach(state_part(c->s, "groups"), id, g)
    {
        if (strcmp(text_of(g, "subnet_group"), name) == 0) {
            return api_fail(c->e, "CacheSubnetGroupInUse",
                            "Cache subnet group %s is currently in use by a cache cluster.", name);
        }
    }
    tags_forget(c->s, state_arn(c->s, "subnetgroup", name));
    (void)json_object_del(state_part(c->s, "subnet_groups"), name);
    c->s->dirty = true;
    return true;
}
