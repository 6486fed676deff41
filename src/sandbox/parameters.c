#include "sandbox/parameters.h"

#include "knowledge/knowledge.h"
#include "sandbox/programs.h"

#define GROUPS_MAX 300 /* service quota, auth-and-network section 8 */
#define CHANGES_MAX 20 /* ParameterNameValues per call */
#define DEFAULT_PREFIX "default."
#define NOT_FOUND "CacheParameterGroupNotFound"

static bool is_family(const char *name, size_t size)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    for (size_t i = 0; i < t->row_count; i++) {
        const char *family = knowledge_cell(t, i, "family");
        if (strlen(family) == size && strncmp(family, name, size) == 0) return true;
    }
    return false;
}

/* The table's own spelling of a family, so that the text lives on. */
static const char *family_text(const char *name)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    for (size_t i = 0; i < t->row_count; i++) {
        if (strcmp(knowledge_cell(t, i, "family"), name) == 0)
            return knowledge_cell(t, i, "family");
    }
    return NULL;
}

static json_t *group_find(sandbox *s, const char *name)
{
    return json_object_get(state_part(s, "parameter_groups"), name);
}

const char *parameters_family(sandbox *s, const char *group)
{
    size_t prefix = strlen(DEFAULT_PREFIX);
    if (strncmp(group, DEFAULT_PREFIX, prefix) == 0) return family_text(group + prefix);
    json_t *g = group_find(s, group);
    return g ? text_of(g, "family") : NULL;
}

const char *parameters_value(sandbox *s, const char *group, const char *name)
{
    const char *family = parameters_family(s, group);
    knowledge_parameter p;
    json_t *g = group_find(s, group);
    const char *own =
        g ? json_string_value(json_object_get(json_object_get(g, "values"), name)) : NULL;
    if (own) return own;
    if (!family || !knowledge_parameter_find(family, name, &p)) return NULL;
    return p.is_node_specific && p.default_value[0] == '(' ? "" : p.default_value;
}

const char *parameters_family_of(const char *engine, const char *version)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    for (size_t i = 0; i < t->row_count; i++) {
        const char *row = knowledge_cell(t, i, "version");
        if (strcmp(knowledge_cell(t, i, "engine"), engine) != 0) continue;
        if (strcspn(row, " ") != strlen(version) || strncmp(row, version, strlen(version)) != 0)
            continue;
        const char *families = knowledge_cell(t, i, "parameter_group_families");
        char name[32];
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(families, " ,"), families);
        return family_text(name);
    }
    return NULL;
}

const char *parameters_of_node_type(const char *node_type, const char *column)
{
    const knowledge_table *t = knowledge_at(TABLE_NODE_PARAMETERS);
    for (size_t i = 0; i < t->row_count; i++) {
        if (strcmp(knowledge_cell(t, i, "node_type"), node_type) == 0)
            return knowledge_cell(t, i, column);
    }
    return "";
}

/* --- groups ---------------------------------------------------------------------------------- */

static json_t *group_show(sandbox *s, const char *name, const char *family, const char *description)
{
    return json_pack("{s:s,s:s,s:s,s:b,s:o}", "CacheParameterGroupName", name,
                     "CacheParameterGroupFamily", family, "Description", description, "IsGlobal", 0,
                     "ARN", state_arn(s, "parametergroup", name));
}

bool api_create_parameter_group(api_call *c, json_t **ret)
{
    char name[64];
    const char *family = call_text(c, "CacheParameterGroupFamily");
    json_t *groups = state_part(c->s, "parameter_groups");
    if (!call_identifier(c, "CacheParameterGroupName", 40, name)) return false;
    if (!is_family(family, strlen(family))) {
        return api_fail(c->e, "InvalidParameterValue",
                        "CacheParameterGroupFamily %s is not a valid parameter group family.",
                        span_show(span_text(family)).text);
    }
    if (group_find(c->s, name) || strncmp(name, DEFAULT_PREFIX, strlen(DEFAULT_PREFIX)) == 0) {
        return api_fail(c->e, "CacheParameterGroupAlreadyExists",
                        "CacheParameterGroup %s already exists.", name);
    }
    if (json_object_size(groups) >= GROUPS_MAX) {
        return api_fail(c->e, "CacheParameterGroupQuotaExceeded", "At most %d parameter groups.",
                        GROUPS_MAX);
    }
    json_t *g = json_pack("{s:s,s:s,s:{}}", "family", family, "description",
                          call_text(c, "Description"), "values");
    if (!g || !call_tags(c, state_arn(c->s, "parametergroup", name))) {
        json_decref(g);
        return g ? false : api_fail(c->e, "InvalidParameterValue", "Description is not UTF-8.");
    }
    (void)json_object_set_new(groups, name, g);
    c->s->dirty = true;
    *ret = json_pack("{s:o}", "CacheParameterGroup",
                     group_show(c->s, name, family, text_of(g, "description")));
    return true;
}

static void defaults_list(sandbox *s, json_t *all)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    const char *before = "";
    for (size_t i = 0; i < t->row_count; i++) {
        const char *family = knowledge_cell(t, i, "family");
        char name[64];
        if (strcmp(family, before) == 0) continue;
        before = family;
        (void)snprintf(name, sizeof name, DEFAULT_PREFIX "%s", family);
        char about[96];
        (void)snprintf(about, sizeof about, "Default parameter group for %s", family);
        (void)json_array_append_new(all, group_show(s, name, family, about));
    }
}

bool api_describe_parameter_groups(api_call *c, json_t **ret)
{
    const char *wanted = call_text(c, "CacheParameterGroupName");
    const char *name = NULL;
    json_t *g = NULL;
    json_t *all = json_array();
    defaults_list(c->s, all);
    json_object_foreach(state_part(c->s, "parameter_groups"), name, g)
    {
        (void)json_array_append_new(
            all, group_show(c->s, name, text_of(g, "family"), text_of(g, "description")));
    }
    for (size_t i = json_array_size(all); wanted && i > 0; i--) {
        if (strcasecmp(text_of(json_array_get(all, i - 1), "CacheParameterGroupName"), wanted) != 0)
            (void)json_array_remove(all, i - 1);
    }
    if (wanted && json_array_size(all) == 0) {
        json_decref(all);
        return api_fail(c->e, NOT_FOUND, "CacheParameterGroup %s not found.",
                        span_show(span_text(wanted)).text);
    }
    return call_page(c, "CacheParameterGroups", all, ret);
}

/* A group that may be changed. */
static bool own_group(api_call *c, json_t **ret, const char **ret_name)
{
    const char *name = call_text(c, "CacheParameterGroupName");
    json_t *g = NULL;
    json_object_foreach(state_part(c->s, "parameter_groups"), *ret_name, g)
    {
        if (strcasecmp(*ret_name, name) != 0) continue;
        *ret = g;
        return true;
    }
    if (strncmp(name, DEFAULT_PREFIX, strlen(DEFAULT_PREFIX)) == 0 &&
        parameters_family(c->s, name)) {
        return api_fail(c->e, "InvalidCacheParameterGroupState",
                        "The default parameter group %s cannot be changed.", name);
    }
    return api_fail(c->e, NOT_FOUND, "CacheParameterGroup %s not found.",
                    span_show(span_text(name)).text);
}

/* Every cache of that group is told; those changes that need a reboot are noted. */
static void users_tell(sandbox *s, const char *name, bool needs_reboot)
{
    const char *id = NULL;
    json_t *g = NULL;
    json_object_foreach(state_part(s, "groups"), id, g)
    {
        if (strcmp(text_of(g, "parameter_group"), name) != 0) continue;
        (void)json_object_set_new(g, "apply_parameters", json_true());
        if (needs_reboot) (void)json_object_set_new(g, "needs_reboot", json_true());
    }
    s->dirty = true;
}

/* It goes into a configuration file between quotes. */
static bool value_is_plain(const char *value)
{
    for (const char *at = value; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\') return false;
    return true;
}

static bool value_check(
    api_call *c, const char *family, const char *name, const char *value, knowledge_parameter *p)
{
    if (!knowledge_parameter_find(family, name, p)) {
        return api_fail(c->e, "InvalidParameterValue", "Could not find parameter with name: %s",
                        span_show(span_text(name)).text);
    }
    if (!p->is_modifiable) {
        return api_fail(c->e, "InvalidParameterValue", "The parameter %s cannot be modified.",
                        p->name);
    }
    if (strcmp(p->name, "rename-commands") == 0 && value[0])
        return call_lacks(c, "the parameter rename-commands");
    int64_t number = 0;
    bool is_kind = strcmp(p->type, "integer") != 0 || span_to_i64(span_text(value), &number);
    if (is_kind && value_is_plain(value) && knowledge_parameter_allows(p, value)) return true;
    return api_fail(c->e, "InvalidParameterValue",
                    "The parameter value %s is not valid for parameter %s. Allowed values: %s",
                    span_show(span_text(value)).text, p->name, p->allowed);
}

#define PAIR(n, field) form_item(c->q, "ParameterNameValues", "ParameterNameValue", n, field)

bool api_modify_parameter_group(api_call *c, json_t **ret)
{
    json_t *g = NULL;
    const char *group = NULL;
    knowledge_parameter p;
    bool needs_reboot = false;
    if (!own_group(c, &g, &group)) return false;
    size_t count = 0;
    for (; PAIR(count + 1, "ParameterName"); count++) { /* all are right before one is set */
        const char *value = PAIR(count + 1, "ParameterValue");
        if (!value_check(c, text_of(g, "family"), PAIR(count + 1, "ParameterName"),
                         value ? value : "", &p))
            return false;
        needs_reboot |= strcmp(p.change_effect, "reboot") == 0;
        if (strcmp(p.name, "cluster-enabled") == 0 && value && strcmp(value, "yes") == 0)
            return call_lacks(c, "cluster mode (cluster-enabled yes)");
    }
    if (count == 0 || count > CHANGES_MAX) {
        return api_fail(c->e, "InvalidParameterValue",
                        "ParameterNameValues must have 1 to %d members.", CHANGES_MAX);
    }
    json_t *values = json_object_get(g, "values");
    for (size_t n = 1; n <= count; n++) {
        const char *value = PAIR(n, "ParameterValue");
        if (knowledge_parameter_find(text_of(g, "family"), PAIR(n, "ParameterName"), &p))
            text_set(values, p.name, value ? value : "");
    }
    users_tell(c->s, group, needs_reboot);
    *ret = json_pack("{s:s}", "CacheParameterGroupName", group);
    return true;
}

bool api_reset_parameter_group(api_call *c, json_t **ret)
{
    json_t *g = NULL;
    const char *group = NULL;
    bool all = false;
    if (!own_group(c, &g, &group) || !call_flag(c, "ResetAllParameters", false, &all)) return false;
    json_t *values = json_object_get(g, "values");
    if (all) (void)json_object_clear(values);
    for (size_t n = 1; !all && PAIR(n, "ParameterName"); n++)
        (void)json_object_del(values, PAIR(n, "ParameterName")); /* or was not set */
    users_tell(c->s, group, false);
    *ret = json_pack("{s:s}", "CacheParameterGroupName", group);
    return true;
}

bool api_delete_parameter_group(api_call *c, json_t **ret)
{
    json_t *g = NULL;
    json_t *one = NULL;
    const char *group = NULL;
    const char *id = NULL;
    (void)ret;
    if (!own_group(c, &g, &group)) return false;
    json_object_foreach(state_part(c->s, "groups"), id, one)
    {
        if (strcmp(text_of(one, "parameter_group"), group) == 0) {
            return api_fail(c->e, "InvalidCacheParameterGroupState",
                            "One or more cache clusters are still members of this parameter "
                            "group %s, so the group cannot be deleted.",
                            group);
        }
    }
    tags_forget(c->s, state_arn(c->s, "parametergroup", group));
    (void)json_object_del(state_part(c->s, "parameter_groups"), group);
    c->s->dirty = true;
    return true;
}

/* --- parameters ------------------------------------------------------------------------------ */

static json_t *row_show(const knowledge_table *t, size_t i, const char *own)
{
    const char *effect = knowledge_cell(t, i, "change_effect");
    json_t *row =
        json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:s}", "ParameterName",
                  knowledge_cell(t, i, "parameter"), "Source", own ? "user" : "system", "DataType",
                  knowledge_cell(t, i, "type"), "AllowedValues", knowledge_cell(t, i, "allowed"),
                  "IsModifiable", strncmp(knowledge_cell(t, i, "modifiable"), "yes", 3) == 0,
                  "MinimumEngineVersion", knowledge_cell(t, i, "introduced_in"), "ChangeType",
                  strcmp(effect, "reboot") == 0 ? "requires-reboot" : "immediate");
    text_set(row, "ParameterValue", own ? own : knowledge_cell(t, i, "default"));
    return row;
}

/* Those whose value stands in the table of node types, and the column there. */
static const struct {
    const char *parameter;
    const char *column;
} by_node_type[] = {
    {"maxmemory", "maxmemory_bytes"},
    {"maxclients", "maxclients"},
    {"client-output-buffer-limit-replica-hard-limit", "replica_hard_limit_bytes"},
    {"client-output-buffer-limit-replica-soft-limit", "replica_soft_limit_bytes"},
};

static void node_values_add(json_t *row)
{
    const char *name = text_of(row, "ParameterName");
    const knowledge_table *t = knowledge_at(TABLE_NODE_PARAMETERS);
    json_t *values = json_array();
    for (size_t k = 0; k < COUNT_OF(by_node_type); k++) {
        if (strcmp(by_node_type[k].parameter, name) != 0) continue;
        for (size_t i = 0; i < t->row_count; i++) {
            (void)json_array_append_new(
                values, json_pack("{s:s,s:s}", "CacheNodeType", knowledge_cell(t, i, "node_type"),
                                  "Value", knowledge_cell(t, i, by_node_type[k].column)));
        }
    }
    (void)json_object_del(row, "ParameterValue");
    (void)json_object_set_new(row, "CacheNodeTypeSpecificValues", values);
}

/* All of a family; `values` are the group's own, NULL for the defaults. */
static bool
family_describe(api_call *c, const char *family, json_t *values, const char *source, json_t **ret)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    json_t *plain = json_array();
    json_t *by_type = json_array();
    for (size_t i = 0; i < t->row_count; i++) {
        if (strcmp(knowledge_cell(t, i, "family"), family) != 0) continue;
        const char *name = knowledge_cell(t, i, "parameter");
        const char *own = json_string_value(json_object_get(values, name));
        if (source && (strcmp(source, "user") == 0) != (own != NULL)) continue;
        json_t *row = row_show(t, i, own);
        bool depends = strcmp(knowledge_cell(t, i, "node_type_specific"), "yes") == 0;
        if (depends) node_values_add(row);
        (void)json_array_append_new(depends ? by_type : plain, row);
    }
    bool done = call_page(c, "Parameters", plain, ret);
    if (done && !call_text(c, "Marker"))
        (void)json_object_set(*ret, "CacheNodeTypeSpecificParameters", by_type);
    json_decref(by_type);
    return done;
}

bool api_describe_parameters(api_call *c, json_t **ret)
{
    const char *name = call_text(c, "CacheParameterGroupName");
    const char *source = call_text(c, "Source");
    const char *family = parameters_family(c->s, name);
    if (!family) {
        return api_fail(c->e, NOT_FOUND, "CacheParameterGroup %s not found.",
                        span_show(span_text(name)).text);
    }
    if (source && strcmp(source, "user") != 0 && strcmp(source, "system") != 0 &&
        strcmp(source, "engine-default") != 0) {
        return api_fail(c->e, "InvalidParameterValue",
                        "Source must be user, system or engine-default.");
    }
    return family_describe(c, family, json_object_get(group_find(c->s, name), "values"), source,
                           ret);
}

bool api_describe_default_parameters(api_call *c, json_t **ret)
{
    const char *family = family_text(call_text(c, "CacheParameterGroupFamily"));
    json_t *inner = NULL;
    if (!family) {
        return api_fail(c->e, "InvalidParameterValue",
                        "CacheParameterGroupFamily is not a valid parameter group family.");
    }
    if (!family_describe(c, family, NULL, NULL, &inner)) return false;
    text_set(inner, "CacheParameterGroupFamily", family);
    *ret = json_pack("{s:o}", "EngineDefaults", inner);
    return true;
}

/* --- engine versions ------------------------------------------------------------------------- */

bool api_describe_engine_versions(api_call *c, json_t **ret)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    const char *only = call_text(c, "Engine");
    const char *version = call_text(c, "EngineVersion");
    const char *wanted = call_text(c, "CacheParameterGroupFamily");
    bool first_only = false;
    json_t *all = json_array();
    if (!call_flag(c, "DefaultOnly", false, &first_only)) {
        json_decref(all);
        return false;
    }
    for (size_t i = 0; i < t->row_count; i++) {
        const char *engine = knowledge_cell(t, i, "engine");
        const char *row = knowledge_cell(t, i, "version");
        char name[32];
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(row, " "), row);
        const char *family = parameters_family_of(engine, name);
        if (!family || !programs_choose(&c->s->programs, engine, name)) continue;
        if ((only && strcmp(only, engine) != 0) || (version && strcmp(version, name) != 0) ||
            (wanted && strcmp(wanted, family) != 0))
            continue;
        if (first_only && json_array_size(all) > 0) continue;
        (void)json_array_append_new(
            all, json_pack("{s:s,s:s,s:s,s:s,s:s}", "Engine", engine, "EngineVersion", name,
                           "CacheParameterGroupFamily", family, "CacheEngineDescription", engine,
                           "CacheEngineVersionDescription", knowledge_cell(t, i, "based_on")));
    }
    return call_page(c, "CacheEngineVersions", all, ret);
}
