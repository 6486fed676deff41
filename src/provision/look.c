/* What there is: asked anew each time, with the tag that says whose it is. */
#include "provision/work.h"

#define THINGS_MAX ((size_t)20000)

static const kind_row rows[KIND_COUNT] = {
    [KIND_PARAMETER_GROUP] = {"parameter group", "CacheParameterGroupName",
                              "DescribeCacheParameterGroups",
                              "CacheParameterGroups/CacheParameterGroup",
                              "CacheParameterGroupNotFound", "DeleteCacheParameterGroup", NULL},
    [KIND_SUBNET_GROUP] = {"subnet group", "CacheSubnetGroupName", "DescribeCacheSubnetGroups",
                           "CacheSubnetGroups/CacheSubnetGroup", "CacheSubnetGroupNotFoundFault",
                           "DeleteCacheSubnetGroup", NULL},
    [KIND_USER] = {"user", "UserId", "DescribeUsers", "Users/member", "UserNotFound", "DeleteUser",
                   "active"},
    [KIND_USER_GROUP] = {"user group", "UserGroupId", "DescribeUserGroups", "UserGroups/member",
                         "UserGroupNotFound", "DeleteUserGroup", "active"},
    [KIND_GROUP] = {"replication group", "ReplicationGroupId", "DescribeReplicationGroups",
                    "ReplicationGroups/ReplicationGroup", "ReplicationGroupNotFoundFault",
                    "DeleteReplicationGroup", "available"},
};

const kind_row *kind_row_of(kind k)
{
    return &rows[k];
}

bool work_goes_on(const work *w, err *e)
{
    if (!w->o->stop || !*w->o->stop) return true;
    (void)err_set(e, ERR_STOPPED, "interrupted");
    return err_hint(e, "run the same command again: it goes on with what is there");
}

/* API_ListTagsForResource: "If the cluster is not in the available state, ListTagsForResource
 * returns an error." */
static bool tags_look(work *w, thing *t, err *e)
{
    aws_fault fault;
    const xml_node *result = NULL;
    call c = call_of(w->memory, "ListTagsForResource");
    call_add(&c, "ResourceName", t->arn);
    if (!call_send(w->s, &c, w->deadline_ns, w->memory, &result, &fault, e)) {
        bool busy = t->kind == KIND_GROUP && strcmp(t->status, "available") != 0 && *fault.code;
        t->is_veiled = busy && fault.status < 500 && strncmp(fault.code, "AccessDenied", 12) != 0;
        if (t->is_veiled) *e = (err){0};
        return t->is_veiled || fault_explain(&fault, c.action, w, e);
    }
    for (const xml_node *n = xml_at(result, "TagList/Tag"); n; n = xml_next(n)) {
        bool is_it = strcmp(xml_text(n, "Key"), TAG_PLAN) == 0;
        if (is_it && strcmp(xml_text(n, "Value"), w->p->name.text) == 0) t->is_ours = true;
    }
    return true;
}

static thing thing_of(kind k, const xml_node *n)
{
    return (thing){.kind = k,
                   .id = xml_text(n, rows[k].id),
                   .exists = true,
                   .xml = n,
                   .arn = xml_text(n, "ARN"),
                   .status = xml_text(n, "Status")};
}

bool thing_look(work *w, kind k, const char *id, thing *ret, err *e)
{
    aws_fault fault;
    const xml_node *result = NULL;
    call c = call_of(w->memory, rows[k].describe);
    call_add(&c, rows[k].id, id);
    if (!work_goes_on(w, e)) return false;
    if (!call_send(w->s, &c, w->deadline_ns, w->memory, &result, &fault, e)) {
        if (!aws_fault_is(&fault, rows[k].missing)) return fault_explain(&fault, c.action, w, e);
        *e = (err){0};
        *ret = (thing){.kind = k, .id = id};
        return true;
    }
    const xml_node *n = xml_at(result, rows[k].list);
    if (!n) return err_set(e, ERR_AWS, "%s: '%s' is not in the answer", c.action, id);
    thing t = thing_of(k, n);
    t.id = id;
    if (!tags_look(w, &t, e)) return false;
    *ret = t;
    return true;
}

/* --- all of a kind --------------------------------------------------------------------------- */

typedef struct {
    work *w;
    kind kind;
    thing *things;
    size_t count, room;
} collecting;

/* Pages do not outlive their call: names are copied. */
static bool collect(void *context, const xml_node *result, err *e)
{
    collecting *c = context;
    for (const xml_node *n = xml_at(result, rows[c->kind].list); n; n = xml_next(n)) {
        thing t = thing_of(c->kind, n);
        if (c->count == THINGS_MAX) {
            return err_set(e, ERR_AWS, "more than %zu of the kind %s", c->count,
                           rows[c->kind].name);
        }
        if (c->count == c->room) {
            c->room = c->room ? 2 * c->room : 32;
            c->things = mem_realloc(c->things, c->room * sizeof *c->things);
        }
        t.id = arena_text(c->w->memory, span_text(t.id));
        t.arn = arena_text(c->w->memory, span_text(t.arn));
        t.status = arena_text(c->w->memory, span_text(t.status));
        t.xml = NULL;
        c->things[c->count++] = t;
    }
    return true;
}

/* What every account has from the beginning cannot carry a tag. */
static bool is_built_in(const thing *t)
{
    return strncmp(t->id, "default", 7) == 0 && (t->id[7] == '\0' || t->id[7] == '.');
}

static bool filter_ours(work *w, collecting *c, thing **ret, size_t *ret_count, err *e)
{
    thing *ours = arena_alloc(w->memory, (c->count + 1) * sizeof *ours);
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (is_built_in(&c->things[i])) continue;
        if (!work_goes_on(w, e) || !tags_look(w, &c->things[i], e)) return false;
        bool is_named = strcmp(c->things[i].id, w->p->id.text) == 0;
        if (c->things[i].is_ours || (c->things[i].is_veiled && is_named))
            ours[count++] = c->things[i];
    }
    *ret = ours;
    *ret_count = count;
    return true;
}

bool things_of_plan(work *w, kind k, thing **ret, size_t *ret_count, err *e)
{
    collecting c = {.w = w, .kind = k};
    aws_fault fault = {0};
    aws_action a = {.service = &aws_elasticache, .action = rows[k].describe};
    bool good = aws_query_pages(w->s, &a, w->deadline_ns, collect, &c, &fault, e) ||
                fault_explain(&fault, a.action, w, e);
    good = good && filter_ours(w, &c, ret, ret_count, e);
    free(c.things);
    return good;
}

bool node_look(work *w, const thing *group, const xml_node **ret, err *e)
{
    aws_fault fault;
    const xml_node *result = NULL;
    const char *node = xml_text(group->xml, "MemberClusters/ClusterId");
    call c = call_of(w->memory, "DescribeCacheClusters");
    *ret = NULL;
    if (!*node) return true;
    call_add(&c, "CacheClusterId", node);
    if (!call_send(w->s, &c, w->deadline_ns, w->memory, &result, &fault, e))
        return fault_explain(&fault, c.action, w, e);
    *ret = xml_at(result, "CacheClusters/CacheCluster");
    return true;
}

/* --- parameters ------------------------------------------------------------------------------ */

typedef struct {
    work *w;
    group_parameter *rows;
    size_t count;
} reading;

static bool parameters_page(void *context, const xml_node *result, err *e)
{
    reading *r = context;
    (void)e;
    for (const xml_node *n = xml_at(result, "Parameters/Parameter"); n; n = xml_next(n)) {
        if (r->count == PLAN_PARAMETERS_MAX * 2) return true; /* far more than a family has */
        r->rows[r->count++] = (group_parameter){
            .name = arena_text(r->w->memory, span_text(xml_text(n, "ParameterName"))),
            .value = arena_text(r->w->memory, span_text(xml_text(n, "ParameterValue"))),
            .is_user = strcmp(xml_text(n, "Source"), "user") == 0};
    }
    return true;
}

bool parameters_read(work *w, const char *group, group_parameter **ret, size_t *ret_count, err *e)
{
    CLEANUP(buf_clear) buf form = buf_of(AWS_FORM_MAX);
    reading r = {.w = w};
    aws_fault fault = {0};
    aws_action a = {.service = &aws_elasticache, .action = "DescribeCacheParameters"};
    r.rows = arena_alloc(w->memory, PLAN_PARAMETERS_MAX * 2 * sizeof *r.rows);
    if (!aws_form_add(&form, "CacheParameterGroupName", span_text(group), e)) return false;
    a.form = buf_span(&form);
    if (!aws_query_pages(w->s, &a, w->deadline_ns, parameters_page, &r, &fault, e))
        return fault_explain(&fault, a.action, w, e);
    *ret = r.rows;
    *ret_count = r.count;
    return true;
}
