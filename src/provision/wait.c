/* Waiting for the service, with its events told as they come; and what its refusals mean. */
#include <errno.h>

#include "aws/elasticache.h"
#include "base/clock.h"
#include "base/log.h"
#include "provision/work.h"

#define POLL_FIRST_MS 100
#define POLL_MS_MAX 10000

/* --- faults ---------------------------------------------------------------------------------- */

static const struct {
    const char *code;
    const char *advice;
} faults[] = {
    {"InsufficientCacheClusterCapacity",
     "AWS has no such nodes free in these zones now: run it again later, name subnets of other "
     "zones, or another 'node-type'. What was made stays and is used"},
    {"NodeQuotaForCustomerExceeded",
     "the account has as many nodes as it may: ask for more (Service Quotas, ElastiCache, 'Nodes "
     "per Region'), or delete some"},
    {"ClusterQuotaForCustomerExceeded",
     "the account has as many caches as it may: ask for more (Service Quotas), or delete some"},
    {"NodeQuotaForClusterExceeded", "fewer 'replicas'"},
    {"CacheParameterGroupQuotaExceeded",
     "the account has as many parameter groups as it may: delete unused ones, or ask for more"},
    {"CacheSubnetGroupQuotaExceeded",
     "the account has as many subnet groups as it may: delete unused ones, or ask for more"},
    {"CacheSubnetQuotaExceededFault", "fewer 'subnets': a group holds 20"},
    {"UserQuotaExceeded", "the account has as many users as it may: delete unused ones"},
    {"UserGroupQuotaExceeded", "the account has as many user groups as it may: delete unused ones"},
    {"TagQuotaPerResourceExceeded", "fewer 'tags': there may be 50"},
    {"InvalidSubnet",
     "look at 'subnets' in the plan: they must be there, and all of one VPC, in this region"},
    {"SubnetNotAllowedFault",
     "a subnet of the plan is not of the kind that this network type takes: name another"},
    {"CacheSubnetGroupNotFoundFault",
     "the plan names a subnet group that is not there: list its 'subnets' to have it made, or "
     "correct its name"},
    {"InvalidVPCNetworkStateFault",
     "a subnet has no free address, or the VPC is being changed: look at it in the VPC console"},
    {"CacheParameterGroupNotFound",
     "the plan names a parameter group that is not there: give it 'parameters' to have it made"},
    {"UserGroupNotFound",
     "the plan names a user group that is not there: list its 'users' to have it made"},
    {"ServiceLinkedRoleNotFoundFault",
     "this account has not used ElastiCache yet: 'aws iam create-service-linked-role "
     "--aws-service-name elasticache.amazonaws.com', then run it again"},
    {"InvalidReplicationGroupState",
     "the group is being changed by somebody: wait until it is available, run it again"},
    {"DuplicateUserName", "two users of the group have one name: look at 'users' in the plan"},
};

bool fault_explain(const aws_fault *f, const char *action, const work *w, err *e)
{
    static const char *const denied[] = {"AccessDenied", "AccessDeniedException",
                                         "UnauthorizedOperation"};
    (void)w;
    for (size_t i = 0; *f->code && i < COUNT_OF(denied); i++) {
        if (!aws_fault_is(f, denied[i])) continue;
        e->hint[0] = '\0'; /* this one is nearer to the cause */
        return err_hint(e,
                        "give this identity elasticache:%s; docs/provision.md has the least "
                        "policy, with the rights of EC2 and IAM beside it. What was made stays: "
                        "run it again",
                        action);
    }
    for (size_t i = 0; *f->code && i < COUNT_OF(faults); i++)
        if (aws_fault_is(f, faults[i].code)) return err_hint(e, "%s", faults[i].advice);
    return false;
}

bool work_call(work *w, const call *c, aws_fault *ret_fault, err *e)
{
    const xml_node *ignored = NULL;
    w->changes++;
    *ret_fault = (aws_fault){0};
    if (w->o->dry_run) {
        call_show(w->o->out, c);
        return true;
    }
    if (!work_goes_on(w, e)) return false;
    return call_send(w->s, c, w->deadline_ns, w->memory, &ignored, ret_fault, e) ||
           fault_explain(ret_fault, c->action, w, e);
}

/* --- waiting --------------------------------------------------------------------------------- */

typedef struct {
    int64_t next_ms;
    char status[64]; /* told last */
    size_t told;     /* events */
    int64_t since_ms;
} pace;

static bool rest(const work *w, pace *p, err *e)
{
    int left = deadline_left_ms(w->deadline_ns);
    int64_t ms = p->next_ms < left ? p->next_ms : left;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
    while (nanosleep(&t, &t) != 0 && errno == EINTR && !(w->o->stop && *w->o->stop)) {
    }
    p->next_ms = 2 * p->next_ms > POLL_MS_MAX ? POLL_MS_MAX : 2 * p->next_ms;
    return work_goes_on(w, e);
}

/* Those that were not told yet. What cannot be read is no reason to stop. */
static void events_tell(work *w, const thing *t, pace *p)
{
    CLEANUP(arena_clear) arena memory = {0};
    const aws_event *events = NULL;
    size_t count = 0;
    aws_group g;
    err ignored = {0};
    if (t->kind != KIND_GROUP || !t->xml || !aws_group_read(t->xml, &memory, &g, &ignored)) return;
    if (!aws_group_events(w->s, &g, w->began_ms, w->deadline_ns, &memory, &events, &count,
                          &ignored))
        return;
    for (; p->told < count; p->told++)
        log_info("provision: %s: %s", events[p->told].source, events[p->told].message);
}

static void status_tell(const thing *t, pace *p)
{
    if (strcmp(p->status, t->status) == 0) return;
    (void)snprintf(p->status, sizeof p->status, "%s", t->status); /* cut: only compared */
    log_info("provision: %s '%s': %s", kind_row_of(t->kind)->name, t->id, t->status);
}

static bool is_over(const char *status)
{
    static const char *const ends[] = {"deleting", "deleted", "create-failed", "restore-failed"};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (strcmp(status, ends[i]) == 0) return true;
    return false;
}

/* The caller says that it was the time. */
static bool too_late(const thing *t, err *e)
{
    return err_set(e, ERR_TIMEOUT, "%s '%s' is still %s", kind_row_of(t->kind)->name, t->id,
                   t->status);
}

static bool look_again(work *w, const thing *t, thing *ret, err *e)
{
    thing now;
    if (!thing_look(w, t->kind, t->id, &now, e)) return false;
    now.user = t->user;
    *ret = now;
    return true;
}

bool thing_wait(work *w, thing *t, err *e)
{
    const char *ready = kind_row_of(t->kind)->ready;
    pace p = {.next_ms = POLL_FIRST_MS};
    if (w->o->dry_run || !ready) return true;
    for (;;) {
        if (!look_again(w, t, t, e))
            return deadline_left_ms(w->deadline_ns) == 0 && *t->status ? too_late(t, e) : false;
        if (!t->exists) {
            return err_set(e, ERR_AWS, "%s '%s' was deleted meanwhile", kind_row_of(t->kind)->name,
                           t->id);
        }
        bool is_ready = strcmp(t->status, ready) == 0;
        if (is_ready && !*p.status) return true; /* from the beginning */
        status_tell(t, &p);
        events_tell(w, t, &p);
        if (is_ready) return true;
        if (is_over(t->status)) {
            (void)err_set(e, ERR_AWS, "%s '%s' is %s", kind_row_of(t->kind)->name, t->id,
                          t->status);
            return err_hint(e, "'aws elasticache describe-events' tells why; 'handover provision "
                               "--destroy' with this plan removes it");
        }
        if (deadline_left_ms(w->deadline_ns) == 0) return too_late(t, e);
        if (!rest(w, &p, e)) return false;
    }
}

bool parameters_wait(work *w, const thing *group, err *e)
{
    pace p = {.next_ms = POLL_FIRST_MS};
    const char *name = kind_row_of(KIND_GROUP)->name;
    for (bool told = false;; told = true) {
        const xml_node *node = NULL;
        bool looked = node_look(w, group, &node, e);
        if (deadline_left_ms(w->deadline_ns) == 0)
            return err_set(e, ERR_TIMEOUT, "%s '%s' still applies parameters", name, group->id);
        if (!looked) return false;
        const char *status = node ? xml_text(node, "CacheParameterGroup/ParameterApplyStatus") : "";
        bool waits = strcmp(status, "applying") == 0;
        if (waits && !told) log_info("provision: %s '%s': parameters are applied", name, group->id);
        if (!waits && told) log_info("provision: %s '%s': parameters %s", name, group->id, status);
        if (!waits) return true;
        if (!rest(w, &p, e)) return false;
    }
}

bool thing_wait_gone(work *w, const thing *t, err *e)
{
    pace p = {.next_ms = POLL_FIRST_MS};
    thing now = *t;
    for (;;) {
        if (!look_again(w, t, &now, e)) return false;
        if (!now.exists) return true;
        status_tell(&now, &p);
        if (deadline_left_ms(w->deadline_ns) == 0) return too_late(&now, e);
        if (!rest(w, &p, e)) return false;
    }
}
