#include "audit/setting_fate.h"

static const struct {
    const char *fate;
    setting_outcome outcome; /* where the target has no parameter for it */
} fates[] = {
    {"parameter", OUTCOME_ABSENT},        {"parameter-readonly", OUTCOME_ABSENT},
    {"api-property", OUTCOME_PROPERTY},   {"managed", OUTCOME_MANAGED},
    {"unsupported", OUTCOME_UNSUPPORTED}, {"client-side", OUTCOME_CLIENT},
};

static setting_outcome fate_outcome(const char *fate)
{
    for (size_t i = 0; i < COUNT_OF(fates); i++)
        if (strcmp(fates[i].fate, fate) == 0) return fates[i].outcome;
    return OUTCOME_NONE;
}

static bool is_on(const char *value)
{
    return value && *value && strcmp(value, "0") != 0 && strcmp(value, "no") != 0 &&
           strcmp(value, "\"\"") != 0;
}

/* The text behind the prefix; NULL when it does not begin so. */
static const char *behind(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* --- the parameters that `via` names --------------------------------------------------------- */

/* The next name of "a (remark, with commas), b; other things": false when there are no more. A name
 * with the remark "related" carries nothing over and is passed over. */
static bool via_next(const char **at, arena *memory, const char **ret)
{
    while (**at && **at != ';') {
        const char *c = *at + strspn(*at, " ,");
        size_t size = strcspn(c, " ,;(");
        const char *name = arena_text(memory, span_of(c, size));
        c += size;
        c += strspn(c, " ");
        bool is_related = behind(c, "(related") != NULL;
        if (*c == '(') c += strcspn(c, ")");
        c += *c == ')';
        *at = c;
        if (size == 0) return false;
        *ret = name;
        if (!is_related) return true;
    }
    return false;
}

static void parameter_add(const setting_case *c, const char *name, setting_verdict *v)
{
    knowledge_parameter p;
    if (v->parameter_count == SETTING_PARAMETERS_MAX) return;
    if (!knowledge_parameter_of(c->target, name, &p)) return;
    v->parameters[v->parameter_count++] = (setting_parameter){.row = p};
}

static void parameters_find(const setting_case *c, arena *memory, setting_verdict *v)
{
    const char *name = NULL;
    const char *at = behind(v->fate.via, "parameter group: ");
    if (!at) at = behind(v->fate.via, "node type: ");
    while (at && via_next(&at, memory, &name))
        parameter_add(c, name, v);
    if (v->parameter_count > 0 || fate_outcome(v->fate.fate) != OUTCOME_PROPERTY) return;
    /* A field of the API that a parameter group has to agree with: cluster-enabled. */
    parameter_add(c, c->name, v);
    if (v->parameter_count > 0 && !v->parameters[0].row.is_modifiable) v->parameter_count = 0;
}

/* Each parameter's share of the value: all of it, or its word of "0 0 0". */
static void values_share(const setting_case *c, arena *memory, setting_verdict *v)
{
    span rest = span_text(v->value);
    bool is_shared = v->parameter_count == SETTING_PARAMETERS_MAX;
    for (size_t i = 0; i < v->parameter_count; i++) {
        setting_parameter *p = &v->parameters[i];
        span word = {0};
        p->there = setting_canonical(c->directive, p->row.default_value, memory);
        p->value = v->value;
        if (is_shared && span_cut(&rest, ' ', &word)) p->value = arena_text(memory, word);
    }
}

/* "(by node type)" */
static bool is_unpublished(const char *there)
{
    return there[0] == '(';
}

static bool is_enough(const char *there, const char *value)
{
    int64_t a = 0;
    int64_t b = 0;
    return span_to_i64(span_text(there), &a) && span_to_i64(span_text(value), &b) && a >= b;
}

static setting_outcome parameters_judge(setting_verdict *v)
{
    setting_outcome worst = OUTCOME_NONE;
    bool by_hand = strcmp(v->fate.judged, "by hand") == 0;
    bool larger_is_good = strcmp(v->fate.judged, "if smaller there") == 0;
    for (size_t i = 0; i < v->parameter_count; i++) {
        setting_parameter *p = &v->parameters[i];
        if (strcmp(p->value, p->there) == 0) continue;
        if (is_unpublished(p->there) && !v->is_changed) continue;
        if (larger_is_good && is_enough(p->there, p->value)) continue;
        p->differs = true;
        bool is_allowed = knowledge_parameter_allows(&p->row, p->value);
        p->is_settable = p->row.is_modifiable && is_allowed && !by_hand;
        setting_outcome one = !p->row.is_modifiable ? OUTCOME_FIXED
                              : !is_allowed         ? OUTCOME_RANGE
                              : v->is_changed       ? OUTCOME_PARAMETER
                                                    : OUTCOME_DEFAULT;
        bool is_worse = worst == OUTCOME_NONE || one == OUTCOME_RANGE ||
                        (one == OUTCOME_FIXED && worst != OUTCOME_RANGE);
        if (is_worse) worst = one;
    }
    return worst;
}

static void there_say(arena *memory, setting_verdict *v)
{
    v->there = v->fate.value;
    for (size_t i = 0; i < v->parameter_count; i++) {
        const char *one = v->parameters[i].there;
        if (!*one) one = "\"\"";
        if (is_unpublished(one)) {
            v->there = "what the node type decides";
            return;
        }
        v->there = i ? arena_printf(memory, "%s %s", v->there, one) : one;
    }
}

/* --- is it worth a word? --------------------------------------------------------------------- */

/* The value itself counts, not whether it was changed: tls-auth-clients. "optional" counts less. */
static setting_outcome value_judge(const setting_case *c, const char *with, setting_verdict *v)
{
    if (!is_on(audit_setting(c->node, with)) || !is_on(v->value)) return OUTCOME_NONE;
    if (strcmp(v->value, "yes") != 0) v->severity = "warn";
    return fate_outcome(v->fate.fate);
}

bool setting_matters(const audit_node *n, const knowledge_fate *fate, bool is_in_file)
{
    const char *with = behind(fate->judged, "with ");
    const char *without = behind(fate->judged, "without ");
    if (with) return is_on(audit_setting(n, with));
    if (without) return !is_on(audit_setting(n, without));
    return is_in_file || strcmp(fate->judged, "if in the file") != 0;
}

bool setting_judge(const setting_case *c, arena *memory, setting_verdict *ret)
{
    setting_verdict v = {.name = c->name};
    if (!knowledge_fate_find(c->name, &v.fate)) return false;
    v.value = setting_canonical(c->directive, c->value, memory);
    v.engine_default = setting_canonical(c->directive, c->engine_default, memory);
    v.is_changed = strcmp(v.value, v.engine_default) != 0;
    v.severity = v.fate.severity;
    const char *with = behind(v.fate.judged, "value with ");
    if (with) {
        v.outcome = value_judge(c, with, &v);
    } else if (setting_matters(c->node, &v.fate, c->is_in_file)) {
        parameters_find(c, memory, &v);
        values_share(c, memory, &v);
        if (v.parameter_count > 0) {
            v.outcome = parameters_judge(&v);
        } else if (v.is_changed) {
            v.outcome = fate_outcome(v.fate.fate);
        }
        if (v.outcome == OUTCOME_RANGE && strcmp(v.severity, "info") == 0) v.severity = "warn";
    } else {
        v.is_changed = false;
    }
    there_say(memory, &v);
    *ret = v;
    return true;
}
