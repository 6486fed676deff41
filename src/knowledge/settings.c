/* Directives of the engines, what becomes of them, and the parameters of ElastiCache. */
#include "knowledge/knowledge_internal.h"

/* The oldest version that the table of directives describes. */
static const struct {
    const char *name;
    const char *oldest;
} products[] = {[ENGINE_REDIS] = {"redis", "6.0"}, [ENGINE_VALKEY] = {"valkey", "7.2"}};

typedef struct {
    char text[40];
} version_text;

static version_text version_shown(const engine_version *v)
{
    version_text t;
    (void)snprintf(t.text, sizeof t.text, "%u.%u.%u", v->major, v->minor, v->patch);
    return t;
}

bool knowledge_directives_hold(const engine_version *v)
{
    version_text t = version_shown(v);
    return version_compare(span_text(t.text), span_text(products[v->product].oldest)) >= 0;
}

static version_text version_clamped(const engine_version *v)
{
    version_text t = version_shown(v);
    if (!knowledge_directives_hold(v))
        (void)snprintf(t.text, sizeof t.text, "%s", products[v->product].oldest);
    return t;
}

static bool row_is_of(const knowledge_table *t, size_t row, const char *product, span version)
{
    if (strcmp(knowledge_cell(t, row, "engine"), product) != 0) return false;
    if (version_compare(version, span_text(knowledge_cell(t, row, "since"))) < 0) return false;
    const char *removed = knowledge_cell(t, row, "removed");
    return removed[0] == '\0' || version_compare(version, span_text(removed)) < 0;
}

static knowledge_directive directive_of(const knowledge_table *t, size_t row)
{
    const char *value = knowledge_cell(t, row, "default");
    bool is_ignored = strcmp(value, "(ignored)") == 0;
    return (knowledge_directive){
        .name = knowledge_cell(t, row, "directive"),
        .default_value = is_ignored ? "" : value,
        .type = knowledge_cell(t, row, "type"),
        .mutability = knowledge_cell(t, row, "mutable_at_runtime"),
        .alias = knowledge_cell(t, row, "aliases"),
        .source = knowledge_cell(t, row, "source"),
        .is_ignored = is_ignored,
    };
}

bool knowledge_directive_find(const engine_version *v, const char *name, knowledge_directive *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_DIRECTIVES);
    version_text version = version_clamped(v);
    for (size_t i = 0; i < t->row_count; i++) {
        if (!text_same(knowledge_cell(t, i, "directive"), name) &&
            !text_same(knowledge_cell(t, i, "aliases"), name))
            continue;
        if (!row_is_of(t, i, products[v->product].name, span_text(version.text))) continue;
        *ret = directive_of(t, i);
        return true;
    }
    return false;
}

bool knowledge_directive_at(const engine_version *v, size_t n, knowledge_directive *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_DIRECTIVES);
    version_text version = version_clamped(v);
    for (size_t i = 0; i < t->row_count; i++) {
        if (!row_is_of(t, i, products[v->product].name, span_text(version.text))) continue;
        if (n-- > 0) continue;
        *ret = directive_of(t, i);
        return true;
    }
    return false;
}

static bool fate_at(const char *directive, knowledge_fate *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_DIRECTIVE_FATE);
    for (size_t i = 0; i < t->row_count; i++) {
        if (!text_same(knowledge_cell(t, i, "directive"), directive)) continue;
        *ret = (knowledge_fate){
            .directive = knowledge_cell(t, i, "directive"),
            .fate = knowledge_cell(t, i, "fate"),
            .via = knowledge_cell(t, i, "via"),
            .value = knowledge_cell(t, i, "elasticache_value_or_field"),
            .severity = knowledge_cell(t, i, "severity_if_changed"),
            .judged = knowledge_cell(t, i, "judged"),
            .action = knowledge_cell(t, i, "what_to_do"),
            .source = knowledge_cell(t, i, "source"),
        };
        return true;
    }
    return false;
}

bool knowledge_fate_find(const char *directive, knowledge_fate *ret)
{
    if (fate_at(directive, ret)) return true;
    return strchr(directive, '.') != NULL && fate_at("*.*", ret);
}

bool knowledge_parameter_find(const char *family, const char *name, knowledge_parameter *ret)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    for (size_t i = 0; i < t->row_count; i++) {
        if (strcmp(knowledge_cell(t, i, "family"), family) != 0) continue;
        if (!text_same(knowledge_cell(t, i, "parameter"), name)) continue;
        *ret = (knowledge_parameter){
            .family = knowledge_cell(t, i, "family"),
            .name = knowledge_cell(t, i, "parameter"),
            .introduced_in = knowledge_cell(t, i, "introduced_in"),
            .default_value = knowledge_cell(t, i, "default"),
            .type = knowledge_cell(t, i, "type"),
            .allowed = knowledge_cell(t, i, "allowed"),
            .is_modifiable = span_starts(span_text(knowledge_cell(t, i, "modifiable")), "yes"),
            .change_effect = knowledge_cell(t, i, "change_effect"),
            .is_node_specific = strcmp(knowledge_cell(t, i, "node_type_specific"), "yes") == 0,
            .note = knowledge_cell(t, i, "note"),
            .source = knowledge_cell(t, i, "source"),
        };
        return true;
    }
    return false;
}

bool knowledge_parameter_of(const knowledge_target *t, const char *name, knowledge_parameter *ret)
{
    knowledge_parameter p;
    if (!knowledge_parameter_find(t->is_serverless ? "serverless" : t->family, name, &p))
        return false;
    if (version_compare(span_text(p.introduced_in), span_text(t->version)) > 0) return false;
    *ret = p;
    return true;
}

/* "1-75", "0-", "20-", "-5": does the number lie in it? False too when it is no range at all. */
static bool range_holds(span range, int64_t value, bool *ret_is_range)
{
    int64_t low = 0;
    int64_t high = INT64_MAX;
    *ret_is_range = span_to_i64(range, &low);
    if (*ret_is_range) return value == low;
    for (size_t dash = 1; dash < range.size && !*ret_is_range; dash++) {
        if (range.at[dash] != '-' || !span_to_i64(span_of(range.at, dash), &low)) continue;
        span rest = span_tail(range, dash + 1);
        *ret_is_range = rest.size == 0 || span_to_i64(rest, &high);
    }
    return *ret_is_range && value >= low && value <= high;
}

/* "letters out of KEg$lshzxeA". */
static bool letters_hold(span allowed, const char *value)
{
    size_t at = 0;
    if (!span_find(allowed, span_text("letters out of "), &at)) return false;
    const char *letters = (const char *)allowed.at + at + strlen("letters out of ");
    return strspn(value, letters) == strlen(value);
}

bool knowledge_parameter_allows(const knowledge_parameter *p, const char *value)
{
    static const char *const open[] = {"", "any integer", "by node type", "unknown", "allowed"};
    int64_t number = 0;
    bool is_number = span_to_i64(span_text(value), &number);
    span rest = span_text(p->allowed);
    span piece = {0};
    for (size_t i = 0; i < COUNT_OF(open); i++)
        if (strcmp(p->allowed, open[i]) == 0) return true;
    if (strchr(p->allowed, ' ')) return letters_hold(rest, value) || !strstr(p->allowed, "letters");
    while (span_cut(&rest, ',', &piece)) {
        bool is_range = false;
        if (span_is_nocase(piece, value)) return true;
        if (is_number && range_holds(piece, number, &is_range)) return true;
    }
    return false;
}
