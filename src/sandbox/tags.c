/* Tags of any resource, by its ARN; and the events. */
#include "sandbox/api.h"

#define TAGS_MAX 50

/* The list of a resource, NULL when there is no such resource. */
static json_t *tags_of(sandbox *s, const char *arn)
{
    return json_object_get(state_part(s, "tags"), arn);
}

static bool tags_take(const api_call *c, json_t *list)
{
    for (size_t n = 1;; n++) {
        const char *key = form_item(c->q, "Tags", "Tag", n, "Key");
        const char *value = form_item(c->q, "Tags", "Tag", n, "Value");
        if (!key) return true;
        size_t at = 0;
        while (at < json_array_size(list) &&
               strcmp(text_of(json_array_get(list, at), "Key"), key) != 0)
            at++;
        if (at == TAGS_MAX)
            return api_fail(c->e, "TagQuotaPerResourceExceeded", "At most %d tags.", TAGS_MAX);
        json_t *tag = json_pack("{s:s,s:s}", "Key", key, "Value", value ? value : "");
        if (!tag) return api_fail(c->e, "InvalidParameterValue", "A tag is not UTF-8.");
        if (at < json_array_size(list)) {
            (void)json_array_set_new(list, at, tag);
        } else {
            (void)json_array_append_new(list, tag);
        }
    }
}

bool call_tags(const api_call *c, json_t *arn)
{
    json_t *list = json_array();
    bool done = tags_take(c, list);
    if (done) (void)json_object_set(state_part(c->s, "tags"), json_string_value(arn), list);
    json_decref(list);
    json_decref(arn);
    return done;
}

void tags_forget(sandbox *s, json_t *arn)
{
    (void)json_object_del(state_part(s, "tags"), json_string_value(arn)); /* or had none */
    json_decref(arn);
}

static bool resource_find(api_call *c, json_t **ret)
{
    const char *arn = call_text(c, "ResourceName");
    *ret = tags_of(c->s, arn);
    if (*ret) return true;
    bool is_arn = strncmp(arn, "arn:aws:elasticache:", 20) == 0;
    return api_fail(c->e, is_arn ? "CacheClusterNotFound" : "InvalidARN",
                    is_arn ? "There is no resource %s." : "%s is not an ARN of ElastiCache.",
                    span_show(span_text(arn)).text);
}

static bool tags_answer(json_t *list, json_t **ret)
{
    *ret = json_pack("{s:O}", "TagList", list);
    return true;
}

bool api_add_tags(api_call *c, json_t **ret)
{
    json_t *list = NULL;
    if (!resource_find(c, &list) || !tags_take(c, list)) return false;
    c->s->dirty = true;
    return tags_answer(list, ret);
}

/* API_ListTagsForResource: "If the cluster is not in the available state, ListTagsForResource
 * returns an error." */
static bool tags_are_told(api_call *c)
{
    static const char part[] = ":replicationgroup:";
    const char *at = strstr(call_text(c, "ResourceName"), part);
    json_t *g = at ? json_object_get(state_part(c->s, "groups"), at + sizeof part - 1) : NULL;
    if (!g || strcmp(text_of(g, "status"), "available") == 0) return true;
    return api_fail(c->e, "InvalidReplicationGroupState",
                    "The replication group is not in the available state: it is %s.",
                    text_of(g, "status"));
}

bool api_list_tags(api_call *c, json_t **ret)
{
    json_t *list = NULL;
    return resource_find(c, &list) && tags_are_told(c) && tags_answer(list, ret);
}

bool api_remove_tags(api_call *c, json_t **ret)
{
    json_t *list = NULL;
    if (!resource_find(c, &list)) return false;
    for (size_t n = 1;; n++) {
        const char *key = form_item(c->q, "TagKeys", "member", n, NULL);
        if (!key) break;
        for (size_t i = json_array_size(list); i > 0; i--) {
            if (strcmp(text_of(json_array_get(list, i - 1), "Key"), key) == 0)
                (void)json_array_remove(list, i - 1);
        }
    }
    c->s->dirty = true;
    return tags_answer(list, ret);
}

bool api_describe_events(api_call *c, json_t **ret)
{
    const char *id = call_text(c, "SourceIdentifier");
    const char *type = call_text(c, "SourceType");
    const char *start = call_text(c, "StartTime");
    const char *end = call_text(c, "EndTime");
    int64_t minutes = start || end ? 14 * 24 * 60 : 60; /* kept for 14 days; an hour by default */
    if (id && !type) {
        return api_fail(c->e, "InvalidParameterCombination",
                        "SourceIdentifier needs a SourceType.");
    }
    if (!call_number(c, "Duration", 1, 20160, &minutes)) return false;
    clock_text since = clock_show(clock_wall_ms() - minutes * 60 * 1000);
    json_t *all = json_array();
    json_t *events = json_object_get(c->s->root, "events");
    for (size_t i = json_array_size(events); i > 0; i--) { /* the newest first */
        json_t *event = json_array_get(events, i - 1);
        const char *date = text_of(event, "Date");
        if (id && strcasecmp(text_of(event, "SourceIdentifier"), id) != 0) continue;
        if (type && strcmp(text_of(event, "SourceType"), type) != 0) continue;
        if (strcmp(date, start ? start : since.text) < 0 || (end && strcmp(date, end) > 0))
            continue;
        (void)json_array_append(all, event);
    }
    return call_page(c, "Events", all, ret);
}

bool api_get_caller_identity(api_call *c, json_t **ret)
{
    const char *account = state_text(c->s, "account");
    char arn[128];
    (void)snprintf(arn, sizeof arn, "arn:aws:iam::%s:user/sandbox", account);
    *ret = json_pack("{s:s,s:s,s:s}", "Arn", arn, "UserId", state_text(c->s, "access_key_id"),
                     "Account", account);
    return true;
}
