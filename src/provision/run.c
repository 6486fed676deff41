/* Makes what a plan names: looks at everything first, so that nothing is made when something that
 * is not ours stands in the way; then goes through it in order. */
#include "base/clock.h"
#include "base/log.h"
#include "provision/work.h"

#define THINGS_OF_PLAN_MAX (PLAN_USERS_MAX + 4)

/* What the plan makes; what it only names is somebody else's. */
static size_t things_planned(const plan *p, thing *list)
{
    size_t count = 0;
    if (p->parameters.count > 0)
        list[count++] = (thing){.kind = KIND_PARAMETER_GROUP, .id = p->parameter_group.text};
    if (p->subnets.count > 0)
        list[count++] = (thing){.kind = KIND_SUBNET_GROUP, .id = p->subnet_group.text};
    for (size_t i = 0; i < p->user_count; i++) {
        list[count++] = (thing){.kind = KIND_USER, .id = p->users[i].id.text, .user = &p->users[i]};
    }
    if (p->user_count > 0)
        list[count++] = (thing){.kind = KIND_USER_GROUP, .id = p->user_group.text};
    list[count++] = (thing){.kind = KIND_GROUP, .id = p->id.text};
    return count;
}

static bool refuse_foreign(const work *w, const thing *t, err *e)
{
    (void)err_set(e, ERR_STATE, "%s '%s' is there already, and not by this plan",
                  kind_row_of(t->kind)->name, t->id);
    return err_hint(e,
                    "give it another name in the plan. To hand it over to this plan, which then "
                    "changes and deletes it: aws elasticache add-tags-to-resource --resource-name "
                    "%s --tags Key=" TAG_PLAN ",Value=%s",
                    t->arn, w->p->name.text);
}

static bool look(work *w, thing *t, err *e)
{
    const plan_user *user = t->user;
    if (!thing_look(w, t->kind, t->id, t, e)) return false;
    t->user = user;
    if (t->exists && strcmp(t->status, "deleting") == 0) {
        log_info("provision: %s '%s' is being deleted: waiting for its end",
                 kind_row_of(t->kind)->name, t->id);
        if (!w->o->dry_run && !thing_wait_gone(w, t, e)) return false;
        t->exists = false;
    }
    if (t->is_veiled && !thing_wait(w, t, e)) return false;
    return !t->exists || t->is_ours || t->is_veiled || refuse_foreign(w, t, e);
}

static call call_create(work *w, const thing *t)
{
    switch (t->kind) {
    case KIND_PARAMETER_GROUP:
        return call_create_parameter_group(w->memory, w->p);
    case KIND_SUBNET_GROUP:
        return call_create_subnet_group(w->memory, w->p);
    case KIND_USER:
        return call_create_user(w->memory, w->p, t->user);
    case KIND_USER_GROUP:
        return call_create_user_group(w->memory, w->p);
    case KIND_GROUP:
    case KIND_COUNT:
        break;
    }
    return call_create_group(w->memory, w->p);
}

/* A new parameter group with the plan's values. */
static bool parameters_show(work *w, const thing *t, err *e)
{
    const plan_pairs *all = &w->p->parameters;
    for (size_t at = 0; at < all->count; at += CALL_PARAMETERS_MAX) {
        aws_fault fault;
        call_parameter some[CALL_PARAMETERS_MAX];
        size_t count = size_min(all->count - at, CALL_PARAMETERS_MAX);
        for (size_t i = 0; i < count; i++)
            some[i] = (call_parameter){all->at[at + i].name, all->at[at + i].value.text};
        call c = call_modify_parameters(w->memory, t->id, some, count);
        if (!work_call(w, &c, &fault, e)) return false;
    }
    return true;
}

/* A create whose answer was lost finds its own work: the tag decides. */
static bool make(work *w, thing *t, err *e)
{
    aws_fault fault;
    call c = call_create(w, t);
    if (!w->o->dry_run)
        log_info("provision: %s '%s': asked for", kind_row_of(t->kind)->name, t->id);
    if (!work_call(w, &c, &fault, e)) {
        if (!strstr(fault.code, "AlreadyExists")) return false;
        *e = (err){0};
    }
    if (w->o->dry_run) return t->kind != KIND_PARAMETER_GROUP || parameters_show(w, t, e);
    return look(w, t, e);
}

static bool bring(work *w, thing *t, err *e)
{
    if (!t->exists && !make(w, t, e)) return false;
    if (!t->exists) return true; /* a dry run */
    if (!thing_wait(w, t, e) || !thing_change(w, t, e)) return false;
    return t->kind != KIND_GROUP || w->o->dry_run || parameters_wait(w, t, e);
}

/* All of them can be read and fit, before anything is asked of AWS. */
static bool references_check(const plan *p, err *e)
{
    secret s = {0};
    bool good = !p->auth_token.text || reference_read(p->auth_token.text, SECRET_TOKEN, &s, e) ||
                err_wrap(e, "'%s', line %zu", p->path, p->auth_token.line);
    for (size_t i = 0; i < p->user_count && good; i++) {
        const plan_list *list = &p->users[i].passwords;
        for (size_t k = 0; k < list->count && good; k++) {
            good = reference_read(list->at[k].text, SECRET_PASSWORD, &s, e) ||
                   err_wrap(e, "'%s', line %zu", p->path, list->at[k].line);
        }
    }
    secret_clear(&s);
    return good;
}

static bool all_bring(work *w, err *e)
{
    thing list[THINGS_OF_PLAN_MAX];
    size_t count = things_planned(w->p, list);
    for (size_t i = 0; i < count; i++)
        if (!look(w, &list[i], e)) return false;
    for (size_t i = 0; i < count; i++)
        if (!bring(w, &list[i], e)) return false;
    if (w->changes == 0 && w->o->dry_run) (void)fputs("# nothing to do\n", w->o->out);
    if (w->changes == 0 && !w->o->dry_run) log_info("provision: everything is as planned");
    return true;
}

static bool work_begin(const provision_options *o, work *w, arena *memory, err *e)
{
    *w = (work){.o = o,
                .p = o->plan,
                .memory = memory,
                .deadline_ns = deadline_in_ms(o->timeout_ms),
                .began_ms = clock_wall_ms()};
    return aws_session_new(&o->aws, w->deadline_ns, &w->s, e);
}

/* Whatever failed for want of time is one thing to its reader. */
static bool work_end(work *w, bool good, err *e)
{
    aws_session_free(w->s);
    if (good || e->kind == ERR_USAGE || e->kind == ERR_STOPPED || !w->deadline_ns ||
        deadline_left_ms(w->deadline_ns) > 0)
        return good;
    err last = *e;
    (void)err_set(e, ERR_TIMEOUT, "not done in the time of --timeout: %s", last.text);
    return err_hint(e, "it goes on at AWS: run the same command again, --timeout waits longer");
}

bool provision_run(const provision_options *o, report **ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    work w;
    report *r = NULL;
    if (!references_check(o->plan, e)) return false;
    bool good = work_begin(o, &w, &memory, e) && all_bring(&w, e);
    if (good && !o->dry_run) {
        r = report_new("provision", "Is the cache as it was planned?");
        good = checks_run(&w, r, e);
    }
    good = work_end(&w, good, e);
    if (!good) report_free(r);
    if (good) *ret = r;
    return good;
}

/* --- taking back ----------------------------------------------------------------------------- */

/* Those that others stand on come last. */
static const kind backwards[KIND_COUNT] = {KIND_GROUP, KIND_USER_GROUP, KIND_USER,
                                           KIND_SUBNET_GROUP, KIND_PARAMETER_GROUP};

typedef struct {
    thing *things;
    size_t count;
} doomed;

static bool doomed_find(work *w, doomed found[KIND_COUNT], size_t *ret_count, err *e)
{
    *ret_count = 0;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        kind k = backwards[i];
        if (!things_of_plan(w, k, &found[k].things, &found[k].count, e)) return false;
        *ret_count += found[k].count;
    }
    return true;
}

static bool ask(work *w, const doomed found[KIND_COUNT], err *e)
{
    const char *what = arena_printf(w->memory, "This deletes, in %s:", aws_session_region(w->s));
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const doomed *d = &found[backwards[i]];
        for (size_t k = 0; k < d->count; k++) {
            what = arena_printf(w->memory, "%s\n  %s '%s'%s", what,
                                kind_row_of(d->things[k].kind)->name, d->things[k].id,
                                d->things[k].kind == KIND_GROUP ? " with all its data" : "");
        }
    }
    return w->o->confirm(w->o->context, what, e);
}

static bool remove_one(work *w, thing *t, err *e)
{
    aws_fault fault;
    bool failed = strcmp(t->status, "create-failed") == 0;
    bool going = strcmp(t->status, "deleting") == 0;
    if (!failed && !going && !thing_wait(w, t, e)) return false;
    if (!failed && !t->is_ours && !going) return true; /* its tags can be read now: a stranger */
    call c = call_of(w->memory, kind_row_of(t->kind)->delete_action);
    call_add(&c, kind_row_of(t->kind)->id, t->id);
    if (!w->o->dry_run)
        log_info("provision: %s '%s': to be deleted", kind_row_of(t->kind)->name, t->id);
    if (!going && !work_call(w, &c, &fault, e)) {
        if (!aws_fault_is(&fault, kind_row_of(t->kind)->missing)) return false;
        *e = (err){0};
    }
    return w->o->dry_run || thing_wait_gone(w, t, e);
}

static bool all_remove(work *w, size_t *ret_count, err *e)
{
    doomed found[KIND_COUNT] = {0};
    size_t count = 0;
    if (!doomed_find(w, found, &count, e)) return false;
    if (count > 0 && !w->o->dry_run && !ask(w, found, e)) return false;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        doomed *d = &found[backwards[i]];
        for (size_t k = 0; k < d->count; k++)
            if (!remove_one(w, &d->things[k], e)) return false;
    }
    *ret_count = count;
    return true;
}

bool provision_destroy(const provision_options *o, size_t *ret_count, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    work w;
    bool good = work_begin(o, &w, &memory, e) && all_remove(&w, ret_count, e);
    return work_end(&w, good, e);
}
