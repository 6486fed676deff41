/* What is there against what the plan says, and the calls that make it so. What cannot be changed
 * by a call that interrupts nobody is told, not done. */
#include <stdlib.h>

#include "base/log.h"
#include "provision/work.h"

static bool fixed(const thing *t,
                  const char *what,
                  const char *there,
                  const char *wanted,
                  const char *hint,
                  err *e)
{
    (void)err_set(e, ERR_STATE, "%s '%s': %s is '%s' there and '%s' in the plan",
                  kind_row_of(t->kind)->name, t->id, what, there, wanted);
    return err_hint(e, "%s", hint);
}

static void
tell(const work *w, const thing *t, const char *what, const char *there, const char *wanted)
{
    if (w->o->dry_run) {
        (void)fprintf(w->o->out, "# %s '%s': %s is '%s' there\n", kind_row_of(t->kind)->name, t->id,
                      what, *there ? there : "-");
        return;
    }
    log_info("provision: %s '%s': %s '%s' -> '%s'", kind_row_of(t->kind)->name, t->id, what,
             *there ? there : "-", *wanted ? wanted : "-");
}

/* --- parameter group ------------------------------------------------------------------------- */

static const plan_pair *pair_find(const plan *p, const char *name)
{
    for (size_t i = 0; i < p->parameters.count; i++)
        if (strcasecmp(p->parameters.at[i].name, name) == 0) return &p->parameters.at[i];
    return NULL;
}

static const char *value_there(const group_parameter *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(rows[i].name, name) == 0) return rows[i].value;
    return "";
}

static bool parameters_send(
    work *w, const thing *t, bool reset, const call_parameter *list, size_t count, err *e)
{
    for (size_t at = 0; at < count; at += CALL_PARAMETERS_MAX) {
        aws_fault fault;
        size_t some = size_min(count - at, CALL_PARAMETERS_MAX);
        call c = reset ? call_reset_parameters(w->memory, t->id, list + at, some)
                       : call_modify_parameters(w->memory, t->id, list + at, some);
        if (!work_call(w, &c, &fault, e)) return false;
    }
    return true;
}

static bool change_parameters(work *w, thing *t, err *e)
{
    group_parameter *rows = NULL;
    size_t count = 0;
    size_t changed = 0;
    size_t reset = 0;
    call_parameter *change = arena_alloc(w->memory, PLAN_PARAMETERS_MAX * 2 * sizeof *change);
    call_parameter *back = arena_alloc(w->memory, PLAN_PARAMETERS_MAX * 2 * sizeof *back);
    const char *family = xml_text(t->xml, "CacheParameterGroupFamily");
    if (strcmp(family, w->p->family.text) != 0) {
        return fixed(
            t, "the family", family, w->p->family.text,
            "give the parameter group another 'name' in the plan: a group keeps its family", e);
    }
    if (!parameters_read(w, t->id, &rows, &count, e)) return false;
    for (size_t i = 0; i < w->p->parameters.count; i++) {
        const plan_pair *pair = &w->p->parameters.at[i];
        const char *there = value_there(rows, count, pair->name);
        if (strcmp(there, pair->value.text) == 0) continue;
        tell(w, t, pair->name, there, pair->value.text);
        change[changed++] = (call_parameter){pair->name, pair->value.text};
    }
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].is_user || pair_find(w->p, rows[i].name)) continue;
        tell(w, t, rows[i].name, rows[i].value, "its default");
        back[reset++] = (call_parameter){rows[i].name, NULL};
    }
    return parameters_send(w, t, false, change, changed, e) &&
           parameters_send(w, t, true, back, reset, e);
}

/* --- subnet group ---------------------------------------------------------------------------- */

static bool list_has(const plan_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i].text, text) == 0) return true;
    return false;
}

static bool change_subnets(work *w, thing *t, err *e)
{
    aws_fault fault;
    size_t count = 0;
    bool same = true;
    const char *there = "";
    for (const xml_node *n = xml_at(t->xml, "Subnets/Subnet"); n; n = xml_next(n), count++) {
        const char *id = xml_text(n, "SubnetIdentifier");
        same &= list_has(&w->p->subnets, id);
        there = arena_printf(w->memory, "%s%s%s", there, *there ? " " : "", id);
    }
    if (same && count == w->p->subnets.count) return true;
    call c = call_of(w->memory, "ModifyCacheSubnetGroup");
    call_add(&c, "CacheSubnetGroupName", t->id);
    call_add_list(&c, w->memory, "SubnetIds.SubnetIdentifier", &w->p->subnets);
    tell(w, t, "the list of subnets", there, "those of the plan");
    return work_call(w, &c, &fault, e);
}

/* --- users ----------------------------------------------------------------------------------- */

/* The next word that says something. The service writes the defaults of a new user into the text
 * ("on ~* resetchannels -@all +@all"), where nothing before them can be taken away. */
static bool word_next(span *rest, bool *commands, bool *channels, span *ret)
{
    while (span_cut(rest, ' ', ret)) {
        if (ret->size == 0) continue;
        bool is_empty = (span_is(*ret, "-@all") || span_is(*ret, "nocommands")) && !*commands;
        bool is_silent = span_is(*ret, "resetchannels") && !*channels;
        *commands |= ret->at[0] == '+' || span_is(*ret, "allcommands");
        *channels |= ret->at[0] == '&' || span_is(*ret, "allchannels");
        if (!is_empty && !is_silent) return true;
    }
    return false;
}

bool access_is_same(const char *wanted, const char *there)
{
    span rest[2] = {span_text(wanted), span_text(there)};
    bool commands[2] = {false, false};
    bool channels[2] = {false, false};
    for (;;) {
        span word[2] = {{0}, {0}};
        bool more[2];
        for (int i = 0; i < 2; i++)
            more[i] = word_next(&rest[i], &commands[i], &channels[i], &word[i]);
        if (more[0] != more[1]) return false;
        if (!more[0]) return true;
        if (!span_equal(word[0], word[1])) return false;
    }
}

static bool change_user(work *w, thing *t, err *e)
{
    aws_fault fault;
    const plan_user *u = t->user;
    const char *name = xml_text(t->xml, "UserName");
    const char *engine = xml_text(t->xml, "Engine");
    const char *access = xml_text(t->xml, "AccessString");
    const char *type = xml_text(t->xml, "Authentication/Type");
    const char *wanted = u->iam.number ? "iam" : u->no_password.number ? "no-password" : "password";
    static const char hint[] = "give the user another 'id' in the plan: this cannot be changed";
    if (strcmp(name, u->name.text) != 0) return fixed(t, "the name", name, u->name.text, hint, e);
    if (strcasecmp(engine, w->p->engine.text) != 0)
        return fixed(t, "the engine", engine, w->p->engine.text, hint, e);
    if (strncmp(type, wanted, strlen(wanted)) != 0)
        return fixed(t, "the way to log in", type, wanted, hint, e);
    if (access_is_same(u->access.text, access)) return true;
    call c = call_of(w->memory, "ModifyUser");
    call_add(&c, "UserId", t->id);
    call_add(&c, "AccessString", u->access.text);
    tell(w, t, "the access string", access, u->access.text);
    return work_call(w, &c, &fault, e) && thing_wait(w, t, e);
}

static bool user_is_planned(const plan *p, const char *id)
{
    for (size_t i = 0; i < p->user_count; i++)
        if (strcasecmp(p->users[i].id.text, id) == 0) return true;
    return false;
}

static bool change_user_group(work *w, thing *t, err *e)
{
    aws_fault fault;
    size_t added = 0;
    size_t removed = 0;
    call c = call_of(w->memory, "ModifyUserGroup");
    call_add(&c, "UserGroupId", t->id);
    for (size_t i = 0; i < w->p->user_count; i++) {
        const char *id = w->p->users[i].id.text;
        bool there = false;
        for (const xml_node *n = xml_at(t->xml, "UserIds/member"); n; n = xml_next(n))
            there |= strcasecmp(n->text, id) == 0;
        if (there) continue;
        tell(w, t, "a user", "", id);
        call_add(&c, arena_printf(w->memory, "UserIdsToAdd.member.%zu", ++added), id);
    }
    for (const xml_node *n = xml_at(t->xml, "UserIds/member"); n; n = xml_next(n)) {
        if (user_is_planned(w->p, n->text)) continue;
        tell(w, t, "a user", n->text, "");
        call_add(&c, arena_printf(w->memory, "UserIdsToRemove.member.%zu", ++removed), n->text);
    }
    return added + removed == 0 || (work_call(w, &c, &fault, e) && thing_wait(w, t, e));
}

/* --- replication group ----------------------------------------------------------------------- */

bool version_is_same(const char *wanted, const char *there)
{
    size_t size = strlen(wanted);
    return strncmp(wanted, there, size) == 0 && (there[size] == '\0' || there[size] == '.');
}

static const char *on_off(bool on)
{
    return on ? "enabled" : "disabled";
}

/* What would interrupt clients, or cannot be changed at all. */
static bool group_fixed_check(work *w, const thing *t, const xml_node *node, err *e)
{
    const plan *p = w->p;
    const char *tls = xml_text(t->xml, "TransitEncryptionEnabled");
    const char *mode = strcmp(tls, "true") != 0 ? "no"
                       : *xml_text(t->xml, "TransitEncryptionMode")
                           ? xml_text(t->xml, "TransitEncryptionMode")
                           : "required";
    bool has_token = strcmp(xml_text(t->xml, "AuthTokenEnabled"), "true") == 0;
    const struct {
        const char *what, *there, *wanted, *hint;
        bool same;
    } rows[] = {
        {"the engine", xml_text(t->xml, "Engine"), p->engine.text,
         "an upgrade to another engine interrupts: 'aws elasticache modify-replication-group "
         "--engine …' in a window of your choice, then run this again",
         !*xml_text(t->xml, "Engine") ||
             strcasecmp(xml_text(t->xml, "Engine"), p->engine.text) == 0},
        {"the version", xml_text(node, "EngineVersion"), p->version.text,
         "an upgrade interrupts and has no way back: 'aws elasticache modify-replication-group "
         "--engine-version …' in a window of your choice, then run this again",
         !node || version_is_same(p->version.text, xml_text(node, "EngineVersion"))},
        {"the node type", xml_text(t->xml, "CacheNodeType"), p->node_type.text,
         "it replaces all nodes: 'aws elasticache modify-replication-group --cache-node-type … "
         "--apply-immediately' in a window of your choice, then run this again",
         strcmp(xml_text(t->xml, "CacheNodeType"), p->node_type.text) == 0},
        {"TLS", mode, p->tls.text,
         "it is changed in two steps while clients change: see in-transit-encryption-enable.html "
         "of "
         "the guide; then run this again",
         strcmp(mode, p->tls.text) == 0},
        {"encryption at rest", xml_text(t->xml, "AtRestEncryptionEnabled"),
         p->at_rest.number ? "true" : "false",
         "it is chosen when a cache is made: make another one",
         (strcmp(xml_text(t->xml, "AtRestEncryptionEnabled"), "true") == 0) ==
             (p->at_rest.number != 0)},
        {"the AUTH token", on_off(has_token), on_off(p->auth_token.text != NULL),
         "a token is rotated in while clients change: 'aws elasticache modify-replication-group "
         "--auth-token … --auth-token-update-strategy ROTATE', then SET; then run this again",
         has_token == (p->auth_token.text != NULL)},
        {"the subnet group", xml_text(node, "CacheSubnetGroupName"),
         p->subnet_group.text ? p->subnet_group.text : "default",
         "a cache stays in its subnets: make another one",
         !node || !p->subnet_group.text ||
             strcmp(xml_text(node, "CacheSubnetGroupName"), p->subnet_group.text) == 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!rows[i].same)
            return fixed(t, rows[i].what, rows[i].there, rows[i].wanted, rows[i].hint, e);
    }
    return true;
}

static void
differ(work *w, const thing *t, call *c, const char *name, const char *there, const char *wanted)
{
    if (!wanted || strcmp(there, wanted) == 0) return;
    tell(w, t, name, there, wanted);
    call_add(c, name, wanted);
}

static const char *default_of(const work *w)
{
    return arena_printf(w->memory, "default.%s", w->p->family.text);
}

static bool change_settings(work *w, thing *t, const xml_node *node, err *e)
{
    const plan *p = w->p;
    aws_fault fault;
    call c = call_of(w->memory, "ModifyReplicationGroup");
    call_add(&c, "ReplicationGroupId", t->id);
    call_add(&c, "ApplyImmediately", "true");
    size_t before = c.count;
    bool failover = strcmp(xml_text(t->xml, "AutomaticFailover"), "enabled") == 0;
    bool multi_az = strcmp(xml_text(t->xml, "MultiAZ"), "enabled") == 0;
    const char *users = xml_text(t->xml, "UserGroupIds/member");
    differ(w, t, &c, "ReplicationGroupDescription", xml_text(t->xml, "Description"),
           p->description.text);
    differ(w, t, &c, "AutomaticFailoverEnabled", failover ? "true" : "false",
           p->auto_failover.number ? "true" : "false");
    differ(w, t, &c, "MultiAZEnabled", multi_az ? "true" : "false",
           p->multi_az.number ? "true" : "false");
    differ(w, t, &c, "SnapshotRetentionLimit", xml_text(t->xml, "SnapshotRetentionLimit"),
           p->retention_days.text);
    differ(w, t, &c, "SnapshotWindow", xml_text(t->xml, "SnapshotWindow"), p->snapshot_window.text);
    if (node) {
        differ(w, t, &c, "PreferredMaintenanceWindow", xml_text(node, "PreferredMaintenanceWindow"),
               p->maintenance_window.text);
        differ(w, t, &c, "CacheParameterGroupName",
               xml_text(node, "CacheParameterGroup/CacheParameterGroupName"),
               p->parameter_group.text ? p->parameter_group.text : default_of(w));
        differ(w, t, &c, "AutoMinorVersionUpgrade", xml_text(node, "AutoMinorVersionUpgrade"),
               p->auto_minor.number ? "true" : "false");
    }
    const char *wanted = p->user_group.text ? p->user_group.text : "";
    if (strcmp(users, wanted) != 0) {
        tell(w, t, "the user group", users, wanted);
        if (*wanted) call_add(&c, "UserGroupIdsToAdd.member.1", wanted);
        if (*users) call_add(&c, "UserGroupIdsToRemove.member.1", users);
    }
    return c.count == before || (work_call(w, &c, &fault, e) && thing_wait(w, t, e));
}

/* Before the settings when there are to be more nodes (automatic failover needs one), behind them
 * when fewer. */
static bool change_replicas(work *w, thing *t, bool more, err *e)
{
    aws_fault fault;
    int64_t there = -1;
    for (const xml_node *n = xml_at(t->xml, "MemberClusters/ClusterId"); n; n = xml_next(n))
        there++;
    int64_t wanted = w->p->replicas.number;
    if (there == wanted || there < 0 || (wanted > there) != more) return true;
    call c = call_of(w->memory, more ? "IncreaseReplicaCount" : "DecreaseReplicaCount");
    call_add(&c, "ReplicationGroupId", t->id);
    call_add(&c, "NewReplicaCount", w->p->replicas.text);
    call_add(&c, "ApplyImmediately", "true");
    tell(w, t, "the number of replicas", arena_printf(w->memory, "%" PRId64, there),
         w->p->replicas.text);
    return work_call(w, &c, &fault, e) && thing_wait(w, t, e);
}

static bool change_group(work *w, thing *t, err *e)
{
    const xml_node *node = NULL;
    return node_look(w, t, &node, e) && group_fixed_check(w, t, node, e) &&
           change_replicas(w, t, true, e) && change_settings(w, t, node, e) &&
           change_replicas(w, t, false, e);
}

bool thing_change(work *w, thing *t, err *e)
{
    static bool (*const change[KIND_COUNT])(work *, thing *, err *) = {
        [KIND_PARAMETER_GROUP] = change_parameters,
        [KIND_SUBNET_GROUP] = change_subnets,
        [KIND_USER] = change_user,
        [KIND_USER_GROUP] = change_user_group,
        [KIND_GROUP] = change_group,
    };
    return change[t->kind](w, t, e);
}
