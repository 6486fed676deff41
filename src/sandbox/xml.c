#include "sandbox/xml.h"

#include <stdlib.h>

#include "aws/xml.h"

/* Lists of the model and what their items are called. */
static const struct {
    const char *list;
    const char *item;
} lists[] = {
    {"ReplicationGroups", "ReplicationGroup"},
    {"NodeGroups", "NodeGroup"},
    {"NodeGroupMembers", "NodeGroupMember"},
    {"MemberClusters", "ClusterId"},
    {"CacheClusters", "CacheCluster"},
    {"CacheNodes", "CacheNode"},
    {"CacheNodeIdsToReboot", "CacheNodeId"},
    {"SecurityGroups", "member"},
    {"CacheParameterGroups", "CacheParameterGroup"},
    {"Parameters", "Parameter"},
    {"CacheNodeTypeSpecificParameters", "CacheNodeTypeSpecificParameter"},
    {"CacheNodeTypeSpecificValues", "CacheNodeTypeSpecificValue"},
    {"CacheEngineVersions", "CacheEngineVersion"},
    {"CacheSubnetGroups", "CacheSubnetGroup"},
    {"Subnets", "Subnet"},
    {"Events", "Event"},
    {"Snapshots", "Snapshot"},
    {"NodeSnapshots", "NodeSnapshot"},
    {"TagList", "Tag"},
};

/* One level of the walk: an object (iter) or a list (index). */
typedef struct {
    json_t *value;
    void *iter;
    size_t index;
    const char *name; /* of the element to close */
    const char *item; /* of a list's items */
} level;

/* As short as it can be read back, with a point or an exponent. */
static bool real_write(buf *out, double value)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value) (void)snprintf(text, sizeof text, "%.17g", value);
    return buf_printf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static bool leaf_write(buf *out, const char *name, json_t *value)
{
    if (!buf_printf(out, "<%s>", name)) return false;
    if (json_is_string(value) && !xml_escape(span_text(json_string_value(value)), out))
        return false;
    if (json_is_boolean(value) && !buf_text(out, json_is_true(value) ? "true" : "false"))
        return false;
    if (json_is_integer(value) && !buf_printf(out, "%lld", (long long)json_integer_value(value)))
        return false;
    if (json_is_real(value) && !real_write(out, json_real_value(value))) return false;
    return buf_printf(out, "</%s>", name);
}

static const char *item_of(const char *list, json_t *value)
{
    if (json_is_string(json_array_get(value, 0)) && strcmp(list, "ReplicationGroups") == 0)
        return "member"; /* of a user group: only identifiers */
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (strcmp(lists[i].list, list) == 0) return lists[i].item;
    return "member";
}

static bool level_open(buf *out, level *l, const char *name, json_t *value)
{
    *l = (level){.value = value, .name = name, .item = item_of(name, value)};
    if (json_is_object(value)) l->iter = json_object_iter(value);
    return buf_printf(out, "<%s>", name);
}

/* The next member of this level; false: it has no more. */
static bool level_next(level *l, const char **ret_name, json_t **ret)
{
    if (json_is_array(l->value)) {
        *ret_name = l->item;
        *ret = json_array_get(l->value, l->index++);
        return *ret != NULL;
    }
    if (!l->iter) return false;
    *ret_name = json_object_iter_key(l->iter);
    *ret = json_object_iter_value(l->iter);
    l->iter = json_object_iter_next(l->value, l->iter);
    return true;
}

static bool tree_write(buf *out, const char *name, json_t *value)
{
    level levels[XML_ANSWER_DEPTH_MAX];
    size_t depth = 1;
    if (!level_open(out, &levels[0], name, value)) return false;
    while (depth > 0) {
        level *l = &levels[depth - 1];
        json_t *member = NULL;
        if (!level_next(l, &name, &member)) {
            if (!buf_printf(out, "</%s>", l->name)) return false;
            depth--;
        } else if (json_is_object(member) || json_is_array(member)) {
            if (depth == XML_ANSWER_DEPTH_MAX || !level_open(out, &levels[depth], name, member))
                return false;
            depth++;
        } else if (!json_is_null(member) && !leaf_write(out, name, member)) {
            return false;
        }
    }
    return true;
}

bool xml_answer(buf *out, const xml_frame *f, json_t *result)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%sResult", f->operation); /* names of our own table: fit */
    return buf_printf(out, "<%sResponse xmlns=\"%s\">", f->operation, f->namespace_uri) &&
           (!result || tree_write(out, name, result)) &&
           buf_printf(out,
                      "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>"
                      "</%sResponse>\n",
                      f->request_id, f->operation);
}

bool xml_error(buf *out, const xml_frame *f, bool is_sender, const char *code, const char *message)
{
    return buf_printf(out, "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type><Code>%s</Code>",
                      f->namespace_uri, is_sender ? "Sender" : "Receiver", code) &&
           buf_text(out, "<Message>") && xml_escape(span_text(message), out) &&
           buf_printf(out, "</Message></Error><RequestId>%s</RequestId></ErrorResponse>\n",
                      f->request_id);
}
