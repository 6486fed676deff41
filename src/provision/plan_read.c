/* The reader of a plan: one row of a table a field. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"

#include "provision/plan_internal.h"
#include "provision/tree.h"

enum kind {
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_FLAG,
    FIELD_LIST,   /* of texts */
    FIELD_PAIRS,  /* a mapping of texts */
    FIELD_SECTION /* a mapping of fields of that section */
};

enum section { IN_PLAN, IN_PARAMETERS, IN_SUBNETS, IN_USER_GROUP, IN_USER, IN_GROUP };
static const char *const section_names[] = {"a plan",     "parameter-group", "subnet-group",
                                            "user-group", "a user",          "replication-group"};

static const struct field {
    enum section section;
    const char *name;
    enum kind kind;
    size_t at; /* in the plan, of a user's field in the user */
    const char *(*form)(const char *text);
    const char *choices;
    int64_t min, max; /* of a number; of a list and of pairs how many */
    enum section opens;
} fields[] = {
    {IN_PLAN, "name", FIELD_TEXT, offsetof(plan, name), form_id, NULL, 0, 0, 0},
    {IN_PLAN, "tags", FIELD_PAIRS, offsetof(plan, tags), NULL, NULL, 0, PLAN_TAGS_MAX, 0},
    {IN_PLAN, "parameter-group", FIELD_SECTION, offsetof(plan, parameter_group_line), NULL, NULL, 0,
     0, IN_PARAMETERS},
    {IN_PLAN, "subnet-group", FIELD_SECTION, offsetof(plan, subnet_group_line), NULL, NULL, 0, 0,
     IN_SUBNETS},
    {IN_PLAN, "user-group", FIELD_TEXT, offsetof(plan, user_group), form_id, NULL, 0, 0, 0},
    {IN_PLAN, "replication-group", FIELD_SECTION, offsetof(plan, group_line), NULL, NULL, 0, 0,
     IN_GROUP},
    {IN_PARAMETERS, "name", FIELD_TEXT, offsetof(plan, parameter_group), form_id, NULL, 0, 0, 0},
    {IN_PARAMETERS, "family", FIELD_TEXT, offsetof(plan, family), NULL, NULL, 0, 0, 0},
    {IN_PARAMETERS, "parameters", FIELD_PAIRS, offsetof(plan, parameters), NULL, NULL, 0,
     PLAN_PARAMETERS_MAX, 0},
    {IN_SUBNETS, "name", FIELD_TEXT, offsetof(plan, subnet_group), form_id, NULL, 0, 0, 0},
    {IN_SUBNETS, "subnets", FIELD_LIST, offsetof(plan, subnets), form_subnet, NULL, 1,
     PLAN_LIST_MAX, 0},
    {IN_USER, "id", FIELD_TEXT, offsetof(plan_user, id), form_id, NULL, 0, 0, 0},
    {IN_USER, "name", FIELD_TEXT, offsetof(plan_user, name), form_user_name, NULL, 0, 0, 0},
    {IN_USER, "access", FIELD_TEXT, offsetof(plan_user, access), form_access, NULL, 0, 0, 0},
    {IN_USER, "passwords", FIELD_LIST, offsetof(plan_user, passwords), form_reference, NULL, 1,
     PLAN_PASSWORDS_MAX, 0},
    {IN_USER, "iam", FIELD_FLAG, offsetof(plan_user, iam), NULL, NULL, 0, 0, 0},
    {IN_USER, "no-password", FIELD_FLAG, offsetof(plan_user, no_password), NULL, NULL, 0, 0, 0},
    {IN_GROUP, "id", FIELD_TEXT, offsetof(plan, id), form_id, NULL, 0, 0, 0},
    {IN_GROUP, "description", FIELD_TEXT, offsetof(plan, description), NULL, NULL, 0, 0, 0},
    {IN_GROUP, "engine", FIELD_TEXT, offsetof(plan, engine), NULL, "valkey|redis", 0, 0, 0},
    {IN_GROUP, "version", FIELD_TEXT, offsetof(plan, version), NULL, NULL, 0, 0, 0},
    {IN_GROUP, "node-type", FIELD_TEXT, offsetof(plan, node_type), form_node_type, NULL, 0, 0, 0},
    {IN_GROUP, "replicas", FIELD_NUMBER, offsetof(plan, replicas), NULL, NULL, 0, PLAN_REPLICAS_MAX,
     0},
    {IN_GROUP, "multi-az", FIELD_FLAG, offsetof(plan, multi_az), NULL, NULL, 0, 0, 0},
    {IN_GROUP, "automatic-failover", FIELD_FLAG, offsetof(plan, auto_failover), NULL, NULL, 0, 0,
     0},
    {IN_GROUP, "tls", FIELD_TEXT, offsetof(plan, tls), NULL, "required|preferred|no", 0, 0, 0},
    {IN_GROUP, "at-rest-encryption", FIELD_FLAG, offsetof(plan, at_rest), NULL, NULL, 0, 0, 0},
    {IN_GROUP, "auth-token", FIELD_TEXT, offsetof(plan, auth_token), form_reference, NULL, 0, 0, 0},
    {IN_GROUP, "port", FIELD_NUMBER, offsetof(plan, port), NULL, NULL, 1150, 65535, 0},
    {IN_GROUP, "snapshot-retention-days", FIELD_NUMBER, offsetof(plan, retention_days), NULL, NULL,
     0, 35, 0},
    {IN_GROUP, "snapshot-window", FIELD_TEXT, offsetof(plan, snapshot_window), form_window, NULL, 0,
     0, 0},
    {IN_GROUP, "maintenance-window", FIELD_TEXT, offsetof(plan, maintenance_window),
     form_week_window, NULL, 0, 0, 0},
    {IN_GROUP, "auto-minor-version-upgrade", FIELD_FLAG, offsetof(plan, auto_minor), NULL, NULL, 0,
     0, 0},
    {IN_GROUP, "security-groups", FIELD_LIST, offsetof(plan, security_groups), form_security_group,
     NULL, 1, PLAN_LIST_MAX, 0},
};

typedef struct {
    arena *memory;
    plan *p;
    plan_user *user; /* whose fields are read */
} reader;

static bool refuse(const reader *x, const tree *n, const char *what, const char *hint, err *e)
{
    return tree_refuse(x->p->path, n->line, what, hint, e);
}

static const char *escaped(const reader *x, const char *text)
{
    return arena_printf(x->memory, "%s", span_show(span_text(text)).text);
}

static bool is_choice(const char *choices, const char *text)
{
    span rest = span_text(choices);
    span one = {0};
    while (span_cut(&rest, '|', &one))
        if (span_is(one, text)) return true;
    return false;
}

/* "true" and "false" as YAML 1.2 has them, and the words of older YAML that people still write. */
static bool flag_read(const char *text, int64_t *ret)
{
    static const char *const words[][2] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        for (int on = 0; on < 2; on++) {
            if (strcasecmp(text, words[i][on]) != 0) continue;
            *ret = on;
            return true;
        }
    }
    return false;
}

static bool value_read(reader *x, const struct field *f, const tree *n, plan_value *ret, err *e)
{
    plan_value v = {.text = n->text, .line = n->line};
    const char *must = NULL;
    if (n->kind != TREE_SCALAR) {
        return refuse(x, n, arena_printf(x->memory, "'%s' takes one value", f->name),
                      "write 'name: value' in one line", e);
    }
    if (!*n->text) {
        return refuse(x, n, arena_printf(x->memory, "'%s' is empty", f->name),
                      "give a value, or take the line out", e);
    }
    if (f->kind == FIELD_FLAG && !flag_read(n->text, &v.number)) must = "true or false";
    if (f->kind == FIELD_NUMBER) {
        bool is_number = span_to_i64(span_text(n->text), &v.number);
        if (!is_number || v.number < f->min || v.number > f->max)
            must = arena_printf(x->memory, "a number from %" PRId64 " to %" PRId64, f->min, f->max);
    }
    if (f->choices && !is_choice(f->choices, n->text))
        must = arena_printf(x->memory, "one of %s", f->choices);
    if (!must && f->form) must = f->form(n->text);
    if (!must) { /* numbers and flags in one spelling, as they are sent and compared */
        if (f->kind == FIELD_FLAG) v.text = v.number ? "true" : "false";
        if (f->kind == FIELD_NUMBER) v.text = arena_printf(x->memory, "%" PRId64, v.number);
        *ret = v;
        return true;
    }
    /* What should be a reference may be a password: it is not repeated. */
    const char *what =
        f->form == form_reference
            ? arena_printf(x->memory, "'%s' holds no reference", f->name)
            : arena_printf(x->memory, "'%s' is not a value for '%s'", escaped(x, n->text), f->name);
    return refuse(x, n, what, must, e);
}

static bool list_read(reader *x, const struct field *f, const tree *n, plan_list *ret, err *e)
{
    plan_list list = {.line = n->line};
    if (n->kind != TREE_LIST) {
        return refuse(x, n, arena_printf(x->memory, "'%s' is a list", f->name),
                      "write one '- value' a line below it", e);
    }
    list.at = arena_alloc(x->memory, (size_t)f->max * sizeof *list.at);
    for (const tree *one = n->child; one; one = one->next) {
        if (list.count == (size_t)f->max) {
            return refuse(x, one, arena_printf(x->memory, "more than %zu entries", list.count),
                          "that is the most there may be", e);
        }
        if (!value_read(x, f, one, &list.at[list.count], e)) return false;
        for (size_t i = 0; i < list.count; i++) {
            if (strcmp(list.at[i].text, one->text) == 0)
                return refuse(x, one, "an entry stands there twice", "keep one of them", e);
        }
        list.count++;
    }
    if (list.count < (size_t)f->min) {
        return refuse(x, n, arena_printf(x->memory, "'%s' is empty", f->name),
                      "name one, or take the field out", e);
    }
    *ret = list;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const plan_pair *)a)->name, ((const plan_pair *)b)->name);
}

static bool pairs_read(reader *x, const struct field *f, const tree *n, plan_pairs *ret, err *e)
{
    plan_pairs pairs = {.line = n->line};
    if (n->kind != TREE_MAP) {
        return refuse(x, n, arena_printf(x->memory, "'%s' is not a list of names", f->name),
                      "write one 'name: value' a line below it", e);
    }
    pairs.at = arena_alloc(x->memory, (size_t)f->max * sizeof *pairs.at);
    for (const tree *one = n->child; one; one = one->next) {
        if (pairs.count == (size_t)f->max) {
            return refuse(x, one, arena_printf(x->memory, "more than %zu entries", pairs.count),
                          "that is the most there may be", e);
        }
        if (one->kind != TREE_SCALAR) {
            return refuse(x, one,
                          arena_printf(x->memory, "'%s' takes one value", escaped(x, one->name)),
                          "write 'name: value' in one line", e);
        }
        pairs.at[pairs.count++] =
            (plan_pair){.name = one->name, .value = {.text = one->text, .line = one->line}};
    }
    qsort(pairs.at, pairs.count, sizeof *pairs.at, by_name);
    *ret = pairs;
    return true;
}

static const struct field *field_find(enum section s, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].section == s && strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

static const char *names_of(const reader *x, enum section s)
{
    const char *out = s == IN_PLAN ? "users" : "";
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].section != s) continue;
        out = arena_printf(x->memory, "%s%s%s", out, *out ? ", " : "", fields[i].name);
    }
    return out;
}

static bool unknown_refuse(const reader *x, enum section s, const tree *n, err *e)
{
    const char *hint =
        arena_printf(x->memory, "the fields of %s are %s", section_names[s], names_of(x, s));
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].name, n->name) != 0 || fields[i].section == s) continue;
        hint = arena_printf(x->memory, "it belongs into %s", section_names[fields[i].section]);
        break;
    }
    return refuse(
        x, n,
        arena_printf(x->memory, "%s has no field '%s'", section_names[s], escaped(x, n->name)),
        hint, e);
}

static bool field_read(reader *x, const struct field *f, const tree *n, err *e)
{
    uint8_t *base = f->section == IN_USER ? (uint8_t *)x->user : (uint8_t *)x->p;
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_NUMBER:
    case FIELD_FLAG:
        return value_read(x, f, n, (plan_value *)(void *)(base + f->at), e);
    case FIELD_LIST:
        return list_read(x, f, n, (plan_list *)(void *)(base + f->at), e);
    case FIELD_PAIRS:
        return pairs_read(x, f, n, (plan_pairs *)(void *)(base + f->at), e);
    case FIELD_SECTION:
        break;
    }
    if (n->kind != TREE_MAP) {
        return refuse(x, n, arena_printf(x->memory, "'%s' has fields of its own", f->name),
                      arena_printf(x->memory, "they are %s", names_of(x, f->opens)), e);
    }
    *(size_t *)(void *)(base + f->at) = n->line;
    return true;
}

/* The fields of one mapping; those of a section below it come with their own call. */
static bool section_read(reader *x, enum section s, const tree *map, err *e)
{
    for (const tree *n = map->child; n; n = n->next) {
        if (s == IN_PLAN && strcmp(n->name, "users") == 0) continue; /* read by users_read */
        const struct field *f = field_find(s, n->name);
        if (!f) return unknown_refuse(x, s, n, e);
        if (!field_read(x, f, n, e)) return false;
    }
    return true;
}

static bool users_read(reader *x, const tree *n, err *e)
{
    x->p->users_line = n->line;
    if (n->kind != TREE_LIST)
        return refuse(x, n, "'users' is a list", "write '- name: …' and the user's fields", e);
    x->p->users = arena_alloc(x->memory, PLAN_USERS_MAX * sizeof *x->p->users);
    for (const tree *one = n->child; one; one = one->next) {
        if (one->kind != TREE_MAP) {
            return refuse(x, one, "a user has fields",
                          arena_printf(x->memory, "they are %s", names_of(x, IN_USER)), e);
        }
        if (x->p->user_count == PLAN_USERS_MAX)
            return refuse(x, one, "more than 100 users", "a user group holds 100", e);
        x->user = &x->p->users[x->p->user_count++];
        x->user->line = one->line;
        if (!section_read(x, IN_USER, one, e)) return false;
    }
    return x->p->user_count > 0 ||
           refuse(x, n, "'users' is empty", "name one, or take the field out", e);
}

/* The plan itself, then its sections. */
static bool sections_read(reader *x, const tree *root, err *e)
{
    if (!section_read(x, IN_PLAN, root, e)) return false;
    for (const tree *n = root->child; n; n = n->next) {
        const struct field *f = field_find(IN_PLAN, n->name);
        if (f && f->kind == FIELD_SECTION && !section_read(x, f->opens, n, e)) return false;
        if (!f && !users_read(x, n, e)) return false;
    }
    return true;
}

bool plan_refuse(const plan *p, size_t line, const char *what, const char *hint, err *e)
{
    return tree_refuse(p->path, line, what, hint, e);
}

bool plan_read(span yaml, const char *path, arena *memory, plan *ret, err *e)
{
    plan p = {.path = path};
    reader x = {.memory = memory, .p = &p};
    const tree *root = NULL;
    if (!tree_read(yaml, path, memory, &root, e)) return false;
    if (!root) {
        return tree_refuse(path, 1, "the plan says nothing",
                           "docs/provision.md shows a whole plan; 'handover audit --plan FILE' "
                           "writes a first draft",
                           e);
    }
    if (!sections_read(&x, root, e) || !plan_check(&p, memory, e)) return false;
    *ret = p;
    return true;
}

bool plan_load(const char *path, arena *memory, plan *ret, err *e)
{
    CLEANUP(buf_clear) buf bytes = buf_of(TREE_SIZE_MAX + 1);
    FILE *in = fopen(path, "re");
    if (!in) {
        (void)err_sys(e, errno, "open the plan '%s'", path);
        e->kind = ERR_USAGE;
        return err_hint(e, "give --plan a file that exists and can be read");
    }
    if (!buf_reserve(&bytes, TREE_SIZE_MAX + 1)) assert(false); /* within its limit */
    bytes.size = fread(bytes.at, 1, TREE_SIZE_MAX + 1, in);
    int problem = ferror(in) ? errno : 0;
    (void)fclose(in); /* only read */
    if (problem) return err_sys(e, problem, "read the plan '%s'", path);
    return plan_read(buf_span(&bytes), path, memory, ret, e);
}
