/* What --target names: every version of the versions table that has a parameter family. */
#include <pthread.h>

#include "base/buf.h"
#include "base/mem.h"
#include "knowledge/knowledge_internal.h"

#define TARGETS_MAX 32

static knowledge_target targets[TARGETS_MAX];
static size_t target_count;
static const char *target_names;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool family_exists(const char *family)
{
    const knowledge_table *t = knowledge_at(TABLE_PARAMETERS);
    for (size_t i = 0; i < t->row_count; i++)
        if (strcmp(knowledge_cell(t, i, "family"), family) == 0) return true;
    return false;
}

/* The first word. */
static const char *word_of(arena *a, const char *text)
{
    return arena_text(a, span_of(text, strcspn(text, " ,;")));
}

/* "7.2" of "7.2 (7.2.6)", "5.0" of "5.0.6". */
static const char *version_of(arena *a, const char *text)
{
    size_t size = strspn(text, "0123456789");
    if (text[size] == '.') size += 1 + strspn(text + size + 1, "0123456789");
    return arena_text(a, span_of(text, size));
}

static void target_add(arena *a, const knowledge_target *t, buf *names)
{
    assert(target_count < TARGETS_MAX);
    targets[target_count] = *t;
    targets[target_count].name = arena_text(a, span_text(t->name));
    bool fits = buf_printf(names, "%s%s", target_count ? ", " : "", t->name);
    assert(fits);
    target_count++;
}

static void targets_make(void)
{
    static arena a; /* reachable as long as the program runs */
    const knowledge_table *t = knowledge_at(TABLE_ENGINE_VERSIONS);
    buf names = buf_of(4 * KIB);
    knowledge_target serverless = {0};
    for (size_t i = 0; i < t->row_count; i++) {
        const char *engine = knowledge_cell(t, i, "engine");
        const char *family = word_of(&a, knowledge_cell(t, i, "parameter_group_families"));
        bool is_offered = strcmp(engine, "valkey") == 0 || strcmp(engine, "redis") == 0;
        const char *end = knowledge_cell(t, i, "standard_support_end");
        if (!is_offered || !family_exists(family)) continue;
        knowledge_target one = {.engine = engine,
                                .version = version_of(&a, knowledge_cell(t, i, "version")),
                                .family = family,
                                .support_end =
                                    end[0] >= '0' && end[0] <= '9' ? word_of(&a, end) : ""};
        one.name = arena_printf(&a, "%s%s", one.engine, one.version);
        target_add(&a, &one, &names);
        /* The newest version that serverless caches have. */
        if (!serverless.name && strncmp(knowledge_cell(t, i, "serverless"), "yes", 3) == 0) {
            serverless = one;
            serverless.name = "serverless";
            serverless.family = "";
            serverless.is_serverless = true;
        }
    }
    assert(serverless.name); /* some version is offered so */
    target_add(&a, &serverless, &names);
    target_names = arena_text(&a, buf_span(&names));
    buf_clear(&names);
}

bool knowledge_target_find(const char *name, knowledge_target *ret)
{
    int failed = pthread_once(&once, targets_make);
    assert(!failed);
    for (size_t i = 0; i < target_count; i++) {
        if (!text_same(targets[i].name, name)) continue;
        *ret = targets[i];
        return true;
    }
    return false;
}

const char *knowledge_target_names(void)
{
    int failed = pthread_once(&once, targets_make);
    assert(!failed);
    return target_names;
}
