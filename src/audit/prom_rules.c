#include "audit/prom_rules.h"

#include "base/yaml_events.h"

enum field { FIELD_ALERT, FIELD_RECORD, FIELD_EXPR, FIELD_FOR, FIELD_COUNT, FIELD_OTHER };

/* An open mapping or list. */
struct level {
    bool is_mapping;
    bool at_value; /* of a mapping: its key has been read */
    enum field field;
    const char *fields[FIELD_COUNT];
    size_t line;
};

struct walk {
    arena *memory;
    size_t depth;
    struct level levels[PROM_DEPTH_MAX];
    prom_rules rules;
    size_t capacity;
};

static bool refuse(size_t line, const char *what, err *e)
{
    return err_set(e, ERR_FORMAT, "line %zu: %s", line, what);
}

static bool rule_add(struct walk *w, const struct level *level, err *e)
{
    const char *const *f = level->fields;
    if (!f[FIELD_EXPR] || !(f[FIELD_ALERT] || f[FIELD_RECORD])) return true;
    if (w->rules.count == PROM_RULES_MAX) return refuse(level->line, "more than 5000 rules", e);
    if (w->rules.count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 64;
        prom_rule *grown = arena_alloc(w->memory, capacity * sizeof *grown);
        if (w->rules.at) memcpy(grown, w->rules.at, w->rules.count * sizeof *grown);
        w->rules.at = grown;
        w->capacity = capacity;
    }
    w->rules.at[w->rules.count++] = (prom_rule){
        .name = f[FIELD_ALERT] ? f[FIELD_ALERT] : f[FIELD_RECORD],
        .expression = f[FIELD_EXPR],
        .wait = f[FIELD_FOR] ? f[FIELD_FOR] : "",
        .line = (unsigned)level->line,
        .is_alert = f[FIELD_ALERT] != NULL,
    };
    return true;
}

static struct level *top(struct walk *w)
{
    return w->depth ? &w->levels[w->depth - 1] : NULL;
}

/* A value has ended: in a mapping the next scalar is a key again. */
static void value_ended(struct walk *w)
{
    if (w->depth) top(w)->at_value = false;
}

static void scalar_use(struct walk *w, const yaml_event_t *event)
{
    static const char *const names[FIELD_COUNT] = {"alert", "record", "expr", "for"};
    struct level *level = top(w);
    if (!level || !level->is_mapping) return;
    span text = span_of(event->data.scalar.value, event->data.scalar.length);
    if (level->at_value) {
        if (level->field < FIELD_COUNT) level->fields[level->field] = arena_text(w->memory, text);
        level->at_value = false;
        return;
    }
    level->field = FIELD_OTHER;
    level->at_value = true;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (span_is(text, names[i])) level->field = (enum field)i;
}

static bool event_use(void *context, const yaml_event_t *event, err *e)
{
    struct walk *w = context;
    size_t line = yaml_line(event);
    bool opens =
        event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
    if (event->type == YAML_SCALAR_EVENT) {
        scalar_use(w, event);
    } else if (event->type == YAML_ALIAS_EVENT) {
        value_ended(w);
    } else if (opens) {
        if (w->depth == PROM_DEPTH_MAX) return refuse(line, "nested deeper than 32 levels", e);
        w->levels[w->depth++] =
            (struct level){.is_mapping = event->type == YAML_MAPPING_START_EVENT, .line = line};
    } else if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT) {
        assert(w->depth > 0); /* the parser closes only what it opened */
        bool added = rule_add(w, &w->levels[--w->depth], e);
        value_ended(w);
        return added;
    }
    return true;
}

static bool not_yaml(void *context, size_t line, const char *problem, err *e)
{
    (void)context;
    return refuse(line, problem, e);
}

bool prom_rules_read(arena *a, span yaml, prom_rules *ret, err *e)
{
    if (yaml.size > PROM_RULES_SIZE_MAX) return err_set(e, ERR_LIMIT, "larger than 16 MiB");
    struct walk w = {.memory = a};
    bool good = yaml_events(yaml, event_use, not_yaml, &w, e);
    if (good) *ret = w.rules;
    return good;
}
