/* How much of a migration it is: six grades, the kind that follows, the verdict. The rule is
 * written in docs/audit.md, "How it is graded"; this is that page in tables. */
#include "audit/audit_internal.h"

#define HIGH_FROM_RULES 6 /* so many different rules that warn make a dimension High */
#define NAMED_RULES_MAX 4 /* in the reason of a grade */
#define NAMED_BLOCKERS_MAX 6

static const char *const dimension_names[DIMENSION_COUNT] = {
    [DIMENSION_NONE] = "",
    [DIMENSION_SCHEMA] = "Schema and API",
    [DIMENSION_OPERATIONS] = "Operational model",
    [DIMENSION_ABSTRACTION] = "Abstraction",
    [DIMENSION_COMPONENTS] = "Number of components",
    [DIMENSION_APPLICATION] = "Application change",
    [DIMENSION_TOPOLOGY] = "Data topology",
};

const char *audit_dimension_name(audit_dimension d)
{
    return dimension_names[d];
}

static bool is_of(const finding *f, audit_dimension d)
{
    const audit_rule_row *row = audit_rule_row_find(f->id);
    return row && row->dimension == d;
}

static bool is_same_rule(const finding *a, const finding *b)
{
    size_t size = finding_rule_size(a->id);
    return size == finding_rule_size(b->id) && memcmp(a->id, b->id, size) == 0;
}

/* The rules of a dimension with open findings of that severity, each once: their number, and in
 * `ret` the first of them with how many findings each has. */
static size_t rules_of(report *r, audit_dimension d, severity s, const char **ret)
{
    size_t rules = 0;
    const char *text = "";
    for (size_t i = 0; i < r->finding_count; i++) {
        const finding *f = &r->findings[i];
        if (f->severity != s || f->accepted_reason || !is_of(f, d)) continue;
        size_t before = 0;
        size_t count = 0;
        for (size_t k = 0; k < r->finding_count; k++) {
            const finding *other = &r->findings[k];
            bool counts = other->severity == s && !other->accepted_reason && is_same_rule(other, f);
            count += counts;
            before += counts && k < i;
        }
        if (before) continue;
        rules++;
        if (rules > NAMED_RULES_MAX) continue;
        text = report_printf(r, "%s%s%.*s", text, *text ? ", " : "", (int)finding_rule_size(f->id),
                             f->id);
        if (count > 1) text = report_printf(r, "%s (%zu)", text, count);
    }
    if (rules > NAMED_RULES_MAX)
        text = report_printf(r, "%s and %zu more", text, rules - NAMED_RULES_MAX);
    *ret = text;
    return rules;
}

static bool has_unread(const report *r, audit_dimension d)
{
    for (size_t i = 0; i < r->finding_count; i++) {
        if (strncmp(r->findings[i].id, AUDIT_UNREAD, sizeof AUDIT_UNREAD - 1) == 0 &&
            is_of(&r->findings[i], d))
            return true;
    }
    return false;
}

static size_t accepted_of(const report *r, audit_dimension d)
{
    size_t count = 0;
    for (size_t i = 0; i < r->finding_count; i++)
        count += r->findings[i].accepted_reason && is_of(&r->findings[i], d);
    return count;
}

static grade_level dimension_grade(report *r, audit_dimension d)
{
    const char *blocking = NULL;
    const char *warning = NULL;
    size_t blocks = rules_of(r, d, SEVERITY_BLOCK, &blocking);
    size_t warns = rules_of(r, d, SEVERITY_WARN, &warning);
    bool unread = has_unread(r, d);
    grade_level level = blocks || warns >= HIGH_FROM_RULES ? GRADE_HIGH
                        : warns                            ? GRADE_MEDIUM
                        : unread                           ? GRADE_UNKNOWN
                                                           : GRADE_LOW;
    const char *reason = blocks            ? report_printf(r, "blocked by %s", blocking)
                         : warns || unread ? ""
                                           : "nothing found that changes it";
    if (warns) reason = report_printf(r, "%s%swarned by %s", reason, *reason ? "; " : "", warning);
    if (unread)
        reason = report_printf(r, "%s%snot all of it could be read", reason, *reason ? "; " : "");
    size_t accepted = accepted_of(r, d);
    if (accepted) reason = report_printf(r, "%s; %zu accepted", reason, accepted);
    report_add_grade(r, &(grade){dimension_names[d], level, reason});
    return level;
}

/* Low 0, Medium and unknown 1, High 2. */
static unsigned weight(grade_level l)
{
    return l == GRADE_HIGH ? 2 : l == GRADE_LOW ? 0 : 1;
}

#define BIT(d) (1u << (d))
#define USE_BITS (BIT(DIMENSION_SCHEMA) | BIT(DIMENSION_ABSTRACTION))
#define SHAPE_BITS (BIT(DIMENSION_APPLICATION) | BIT(DIMENSION_TOPOLOGY))
#define OPERATION_BITS (BIT(DIMENSION_OPERATIONS) | BIT(DIMENSION_COMPONENTS))

/* The first row with a dimension of `dimensions` at that weight or above. */
static const struct {
    unsigned dimensions;
    unsigned weight;
    const char *text;
} kinds[] = {
    {USE_BITS, 2,
     "Redesign first: the application uses what the service does not have or does otherwise. "
     "Change "
     "the application first, or decide that it does without and accept the finding; then audit "
     "again."},
    {SHAPE_BITS, 2,
     "Move with changes of the application: its clients or the layout of its data change with the "
     "move. Rehearse with the application itself."},
    {USE_BITS | SHAPE_BITS, 1,
     "Move with adaptations: engine and data stay; settings, clients or tools are adapted "
     "beforehand."},
    {OPERATION_BITS, 1,
     "Change of operator: the application keeps its code; what runs and watches the servers is "
     "made "
     "anew."},
    {0, 0, "Change of address: the application gets another endpoint, little else changes."},
};

static void kind_set(report *r, const grade_level levels[DIMENSION_COUNT])
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        bool fits = kinds[i].dimensions == 0;
        for (unsigned d = DIMENSION_NONE + 1; d < DIMENSION_COUNT; d++)
            if (kinds[i].dimensions & BIT(d) && weight(levels[d]) >= kinds[i].weight) fits = true;
        if (!fits) continue;
        report_set_kind(r, "%s", kinds[i].text);
        return;
    }
}

/* A blocker that nothing helps against: its action says so. */
static bool says_stay(const finding *f)
{
    return f->action && strncasecmp(f->action, AUDIT_STAY, sizeof AUDIT_STAY - 1) == 0;
}

/* The titles of the open blockers, or of those among them that say stay. */
static const char *titles(report *r, bool only_stay, size_t *ret_count)
{
    size_t count = 0;
    const char *text = "";
    for (size_t i = 0; i < r->finding_count; i++) {
        const finding *f = &r->findings[i];
        if (f->severity != SEVERITY_BLOCK || f->accepted_reason) continue;
        if (only_stay && !says_stay(f)) continue;
        if (++count > NAMED_BLOCKERS_MAX) continue;
        text = report_printf(r, "%s%s%s", text, count > 1 ? "; " : "", f->title);
    }
    if (count > NAMED_BLOCKERS_MAX)
        text = report_printf(r, "%s; and %zu more", text, count - NAMED_BLOCKERS_MAX);
    *ret_count = count;
    return text;
}

/* What it takes to judge at all, and could not be had. */
static size_t unread_count(const report *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->finding_count; i++) {
        const finding *f = &r->findings[i];
        count += strncmp(f->id, AUDIT_UNREAD, sizeof AUDIT_UNREAD - 1) == 0 && !f->accepted_reason;
    }
    return count;
}

static void verdict_set(report *r)
{
    size_t stays = 0;
    size_t blocks = 0;
    size_t warns = report_count(r, SEVERITY_WARN);
    size_t unread = unread_count(r);
    const char *reasons = titles(r, true, &stays);
    const char *things = titles(r, false, &blocks);
    if (stays) {
        report_set_verdict(r, "Stay self-managed: %s.", reasons);
    } else if (blocks == 1) {
        report_set_verdict(r, "Go after this: %s.", things);
    } else if (blocks) {
        report_set_verdict(r, "Go after these %zu things: %s.", blocks, things);
    } else if (unread) {
        report_set_verdict(r,
                           "Go, as far as it could be read: nothing blocks, %zu thing%s could not "
                           "be read, %zu warning%s to be read first.",
                           unread, unread == 1 ? "" : "s", warns, warns == 1 ? " is" : "s are");
    } else if (warns) {
        report_set_verdict(r, "Go: nothing blocks. %zu warning%s to be read first.", warns,
                           warns == 1 ? " is" : "s are");
    } else {
        report_set_verdict(r, "Go: nothing speaks against it.");
    }
}

void audit_grade(report *r)
{
    grade_level levels[DIMENSION_COUNT] = {0};
    report_sort(r);
    for (unsigned d = DIMENSION_NONE + 1; d < DIMENSION_COUNT; d++)
        levels[d] = dimension_grade(r, (audit_dimension)d);
    kind_set(r, levels);
    verdict_set(r);
}
