#include "provision/tree.h"

#include "base/yaml_events.h"

#define FORM "docs/provision.md shows a whole plan"

typedef struct {
    const char *path;
    arena *memory;
    tree *at; /* what is open; NULL: before the root, or behind it */
    tree *root;
    const char *name; /* of the value that comes next, in a mapping */
    size_t name_line;
    size_t count;
    size_t depth;
    bool ended;
} builder;

bool tree_refuse(const char *path, size_t line, const char *what, const char *hint, err *e)
{
    (void)err_set(e, ERR_USAGE, "'%s', line %zu: %s", path, line, what);
    return err_hint(e, "%s", hint);
}

static bool refuse(void *context, size_t line, const char *what, err *e)
{
    const builder *b = context;
    return tree_refuse(b->path, line, what, FORM, e);
}

/* A node in its place; `kind` is open from now on unless it is a scalar. */
static bool node_add(builder *b, tree_kind kind, const char *text, size_t line, err *e)
{
    if (b->ended || (!b->at && b->root)) return refuse(b, line, "a second document begins", e);
    if (!b->at && kind != TREE_MAP)
        return refuse(b, line, "the plan is not a list of 'name: value' lines", e);
    if (++b->count > TREE_NODES_MAX) return refuse(b, line, "more than 4000 values", e);
    if (kind != TREE_SCALAR && ++b->depth > TREE_DEPTH_MAX)
        return refuse(b, line, "nested too deep", e);
    tree *n = arena_alloc(b->memory, sizeof *n);
    *n = (tree){.kind = kind,
                .name = b->name ? b->name : "",
                .text = text,
                .line = b->name ? b->name_line : line,
                .up = b->at};
    b->name = NULL;
    if (!b->at) b->root = n;
    if (b->at && b->at->last) b->at->last->next = n;
    if (b->at && !b->at->child) b->at->child = n;
    if (b->at) b->at->last = n;
    if (kind != TREE_SCALAR) b->at = n;
    return true;
}

static bool name_take(builder *b, const char *name, size_t line, err *e)
{
    for (const tree *n = b->at->child; n; n = n->next) {
        if (strcmp(n->name, name) != 0) continue;
        return refuse(b, line,
                      arena_printf(b->memory, "'%s' is given twice (line %zu)",
                                   span_show(span_text(name)).text, n->line),
                      e);
    }
    b->name = name;
    b->name_line = line;
    return true;
}

static bool wants_name(const builder *b)
{
    return b->at && b->at->kind == TREE_MAP && !b->name;
}

static bool scalar_take(builder *b, const yaml_event_t *event, size_t line, err *e)
{
    span text = span_of(event->data.scalar.value, event->data.scalar.length);
    if (event->data.scalar.anchor || event->data.scalar.tag)
        return refuse(b, line, "anchors and tags are not taken", e);
    if (text.size > TREE_TEXT_MAX) return refuse(b, line, "a value of more than 4096 bytes", e);
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < ' ' || text.at[i] == 127)
            return refuse(b, line, "a control character or line end inside a value", e);
    }
    const char *copy = arena_text(b->memory, text);
    if (wants_name(b)) return name_take(b, copy, line, e);
    if (!b->at && !b->root && text.size == 0) {
        b->ended = true; /* the file says nothing, or only comments */
        return true;
    }
    return node_add(b, TREE_SCALAR, copy, line, e);
}

static bool
open_take(builder *b, tree_kind kind, const void *anchor, const void *tag, size_t line, err *e)
{
    if (anchor || tag) return refuse(b, line, "anchors and tags are not taken", e);
    if (wants_name(b)) return refuse(b, line, "a name cannot be nested", e);
    return node_add(b, kind, "", line, e);
}

static void close_take(builder *b)
{
    assert(b->at); /* libyaml ends only what it began */
    b->depth--;
    b->at = b->at->up;
}

static bool event_take(void *context, const yaml_event_t *event, err *e)
{
    builder *b = context;
    size_t line = yaml_line(event);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar_take(b, event, line, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_take(b, TREE_LIST, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag, line, e);
    case YAML_MAPPING_START_EVENT:
        return open_take(b, TREE_MAP, event->data.mapping_start.anchor,
                         event->data.mapping_start.tag, line, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_take(b);
        return true;
    case YAML_ALIAS_EVENT:
        return refuse(b, line, "aliases are not taken", e);
    case YAML_DOCUMENT_START_EVENT:
        if (b->root || b->ended) return refuse(b, line, "a second document begins", e);
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

bool tree_read(span yaml, const char *path, arena *memory, const tree **ret, err *e)
{
    builder b = {.path = path, .memory = memory};
    if (yaml.size > TREE_SIZE_MAX) {
        (void)err_set(e, ERR_USAGE, "'%s' is larger than %zu bytes", path, TREE_SIZE_MAX);
        return err_hint(e, "give a plan, see docs/provision.md");
    }
    bool good = yaml_events(yaml, event_take, refuse, &b, e);
    if (good) *ret = b.root;
    return good;
}
