#include "sandbox/copying.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store.h"

#define COPIES_MAX ((size_t)8) /* others wait for their turn */

typedef struct {
    char name[COPY_NAME_SIZE]; /* empty: a free row */
    pthread_t thread;
    struct store *store;
    arena memory;
    copy_order order;
    atomic_bool is_over; /* then what follows may be read */
    bool good;
    err trouble;
} copy;

typedef struct copying {
    struct store *store;
    copy rows[COPIES_MAX];
} copying;

static bool file_copy(const char *from, const char *to, err *e)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return err_sys(e, errno, "open '%s'", from);
    int out = open(to, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    bool done = out >= 0 || err_sys(e, errno, "make '%s'", to);
    while (done) {
        ssize_t got = copy_file_range(in, NULL, out, NULL, 16 * MIB, 0);
        if (got < 0) done = err_sys(e, errno, "copy '%s'", from);
        if (got <= 0) break;
    }
    (void)close(in);
    if (out >= 0 && close(out) != 0 && done) done = err_sys(e, errno, "write '%s'", to);
    return done;
}

static bool copy_do(copy *c, err *e)
{
    const copy_order *o = &c->order;
    switch (o->kind) {
    case COPY_FILE:
        return file_copy(o->from, o->to, e);
    case COPY_IMPORT:
        return store_import(c->store, o->bucket, o->key, o->from, e);
    case COPY_EXPORT:
        return store_export(c->store, o->bucket, o->key, o->to, e);
    }
    return false; /* not reached: the kinds are all there */
}

static void *copy_main(void *context)
{
    copy *c = context;
    c->good = copy_do(c, &c->trouble);
    atomic_store(&c->is_over, true);
    return NULL;
}

static const char *kept(copy *c, const char *text)
{
    return text ? arena_text(&c->memory, span_text(text)) : NULL;
}

static step begin(copying *all, copy *c, const char *name, const copy_order *o, err *e)
{
    assert(strlen(name) < COPY_NAME_SIZE);
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    c->store = all->store;
    c->order = (copy_order){.kind = o->kind,
                            .from = kept(c, o->from),
                            .to = kept(c, o->to),
                            .bucket = kept(c, o->bucket),
                            .key = kept(c, o->key)};
    c->trouble = (err){0};
    atomic_store(&c->is_over, false);
    if (pthread_create(&c->thread, NULL, copy_main, c) == 0) return STEP_MORE;
    c->name[0] = '\0';
    arena_clear(&c->memory);
    (void)err_set(e, ERR_IO, "no thread could be made to copy");
    return STEP_BAD;
}

static void forget(copy *c)
{
    (void)pthread_join(c->thread, NULL);
    arena_clear(&c->memory);
    c->name[0] = '\0';
}

step copying_step(copying *all, const char *name, const copy_order *o, err *e)
{
    copy *free_row = NULL;
    for (size_t i = 0; i < COPIES_MAX; i++) {
        copy *c = &all->rows[i];
        if (!c->name[0]) free_row = c;
        if (strcmp(c->name, name) != 0) continue;
        if (!atomic_load(&c->is_over)) return STEP_MORE;
        forget(c);
        if (!c->good) *e = c->trouble;
        return c->good ? STEP_DONE : STEP_BAD;
    }
    return free_row ? begin(all, free_row, name, o, e) : STEP_MORE;
}

copying *copying_new(struct store *store)
{
    copying *c = mem_alloc(sizeof *c);
    c->store = store;
    return c;
}

void copying_free(copying *c)
{
    for (size_t i = 0; c && i < COPIES_MAX; i++)
        if (c->rows[i].name[0]) forget(&c->rows[i]);
    free(c);
}
