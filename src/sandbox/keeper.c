#include "sandbox/keeper.h"

#include <sys/wait.h>

#include "aws/iam_token.h"
#include "base/log.h"
#include "sandbox/copying.h"
#include "sandbox/front.h"
#include "sandbox/meter.h"
#include "sandbox/relay.h"
#include "sandbox/snapshot.h"

#define STEPS_MAX 7
#define REPLICA_WRITE_TURNS 5 /* how often replicas are asked for writes they refused */

static bool each_node(json_t *g, size_t at, json_t **ret)
{
    *ret = json_array_get(json_object_get(g, "nodes"), at);
    return *ret != NULL;
}

/* --- steps ----------------------------------------------------------------------------------- */

static step nodes_start(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    json_t *first = json_array_get(json_object_get(g, "nodes"), 0);
    if (!node_process_find(k, text_of(first, "id"))) front_decide(k->s, g);
    for (size_t i = 0; each_node(g, i, &node); i++) {
        if (!node_process_find(k, text_of(node, "id")) && !node_start(k, id, g, node, e))
            return STEP_BAD;
    }
    return STEP_DONE;
}

static step failed(err *e, const char *node_id)
{
    (void)err_set(e, ERR_STATE, "the engine of %s ended at its start: see its engine.log", node_id);
    return STEP_BAD;
}

static step nodes_ready(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    (void)id;
    for (size_t i = 0; each_node(g, i, &node); i++) {
        if (!node_process_find(k, text_of(node, "id"))) return failed(e, text_of(node, "id"));
        if (!node_is_ready(k, node)) return STEP_MORE;
    }
    return STEP_DONE;
}

static void nodes_status(json_t *g, const char *status)
{
    json_t *node = NULL;
    for (size_t i = 0; each_node(g, i, &node); i++)
        text_set(node, "status", status);
}

static step create_end(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    (void)e;
    text_set(g, "named_primary", text_of(group_primary(g), "id"));
    nodes_status(g, "available");
    for (size_t i = 0; each_node(g, i, &node); i++)
        state_event(k->s, "cache-cluster", text_of(node, "id"), "Cache cluster created");
    state_event(k->s, "replication-group", id, "Replication group %s created", id);
    return STEP_DONE;
}

static step settings_apply(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    (void)id;
    for (size_t i = 0; each_node(g, i, &node); i++)
        if (!node_users_apply(k, g, text_of(node, "id"), e)) return STEP_BAD;
    if (!front_apply(k, g, e)) return STEP_BAD;
    if (!json_object_get(g, "primary")) return STEP_DONE;
    for (size_t i = 0; each_node(g, i, &node); i++) { /* a promotion by hand */
        (void)json_object_set_new(
            node, "is_primary",
            json_boolean(strcmp(text_of(node, "id"), text_of(g, "primary")) == 0));
    }
    (void)json_object_del(g, "primary");
    text_set(g, "named_primary", text_of(group_primary(g), "id"));
    return roles_apply(k, g, e) ? STEP_DONE : STEP_BAD;
}

static step modify_end(keeper *k, const char *id, json_t *g, err *e)
{
    (void)e;
    if (json_object_get(g, "token_status")) {
        state_event(k->s, "replication-group", id, "Auth token modified for replication group %s",
                    id);
    }
    (void)json_object_del(g, "token_status");
    return STEP_DONE;
}

static step nodes_end(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    (void)id;
    (void)e;
    for (size_t i = 0; each_node(g, i, &node); i++)
        node_end(k, text_of(node, "id"), false);
    nodes_status(g, "deleting");
    return STEP_DONE;
}

static step delete_end(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    (void)e;
    for (size_t i = 0; each_node(g, i, &node); i++) {
        node_forget(k, text_of(node, "id"));
        state_event(k->s, "cache-cluster", text_of(node, "id"), "Cache cluster deleted");
    }
    tags_forget(k->s, state_arn(k->s, "replicationgroup", id));
    state_event(k->s, "replication-group", id, "Replication group %s deleted", id);
    (void)json_object_set_new(g, "gone", json_true());
    return STEP_DONE;
}

static step grow_end(keeper *k, const char *id, json_t *g, err *e)
{
    (void)id;
    nodes_status(g, "available");
    return roles_apply(k, g, e) ? STEP_DONE : STEP_BAD;
}

static step shrink_end(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *nodes = json_object_get(g, "nodes");
    (void)id;
    for (size_t i = json_array_size(nodes); i > 0; i--) {
        json_t *node = json_array_get(nodes, i - 1);
        if (!flag_of(node, "leaves")) continue;
        node_end(k, text_of(node, "id"), false);
        node_forget(k, text_of(node, "id"));
        state_event(k->s, "cache-cluster", text_of(node, "id"), "Cache cluster deleted");
        (void)json_array_remove(nodes, i - 1);
    }
    return roles_apply(k, g, e) ? STEP_DONE : STEP_BAD;
}

static bool is_rebooting(const json_t *node)
{
    return strcmp(text_of(node, "status"), "rebooting cluster nodes") == 0;
}

static step reboot_do(keeper *k, const char *id, json_t *g, err *e)
{
    json_t *node = NULL;
    for (size_t i = 0; each_node(g, i, &node); i++) {
        if (!is_rebooting(node)) continue;
        node_end(k, text_of(node, "id"), false); /* a reboot empties the node */
        node_empty(text_of(node, "id"));
        if (!node_start(k, id, g, node, e)) return STEP_BAD;
        state_event(k->s, "cache-cluster", text_of(node, "id"), "Cache node %s restarted",
                    GROUP_NODE);
    }
    return STEP_DONE;
}

static step reboot_end(keeper *k, const char *id, json_t *g, err *e)
{
    step ready = nodes_ready(k, id, g, e);
    if (ready == STEP_DONE) nodes_status(g, "available");
    return ready;
}

/* --- tasks ----------------------------------------------------------------------------------- */

/* Delays are ours (the service publishes none), after public acceptance runs: auth-and-network,
 * section 7, last point. */
static const struct task {
    const char *kind;
    struct {
        unsigned delay_s; /* of the service, before this step */
        keeper_step *run;
    } steps[STEPS_MAX];
} tasks[] = {
    {"create",
     {{0, seed_fetch}, {0, nodes_start}, {0, nodes_ready}, {0, seed_check}, {360, create_end}}},
    {"snapshot", {{0, snapshot_save}, {0, snapshot_wait}, {120, snapshot_end}}},
    {"modify", {{0, settings_apply}, {120, modify_end}}},
    {"delete", {{0, nodes_end}, {120, delete_end}}},
    {"save-and-delete",
     {{0, snapshot_save},
      {0, snapshot_wait},
      {120, snapshot_end},
      {0, nodes_end},
      {120, delete_end}}},
    {"grow", {{0, nodes_start}, {0, nodes_ready}, {300, grow_end}}},
    {"shrink", {{60, shrink_end}}},
    {"reboot", {{0, reboot_do}, {30, reboot_end}}},
    {"failover",
     {{0, failover_called},
      {0, failover_cut},
      {8, failover_promote},
      {5, failover_names},
      {10, failover_recover},
      {120, failover_end}}},
    {"crash",
     {{0, failover_cut},
      {8, failover_promote},
      {5, failover_names},
      {10, failover_recover},
      {120, failover_end}}},
};

static const struct task *task_find(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(tasks); i++)
        if (strcmp(tasks[i].kind, kind) == 0) return &tasks[i];
    return NULL;
}

static void task_failed(keeper *k, const char *id, json_t *g, const err *e)
{
    bool creates = strcmp(text_of(g, "status"), "creating") == 0;
    const char *primary = text_of(group_primary(g), "id");
    char reason[256] = "";
    log_warn("sandbox: %s: %s", id, e->text);
    state_event(k->s, "replication-group", id, "The change of replication group %s failed: %s", id,
                e->text);
    text_set(g, "status", creates ? "create-failed" : "available");
    if (creates && json_object_get(g, "seed")) {
        seed_reason(primary, reason);
        state_event(k->s, "cache-cluster", primary, "Failed to restore cache cluster %s: %s",
                    primary, reason[0] ? reason : e->text);
        json_t *node = NULL;
        for (size_t i = 0; each_node(g, i, &node); i++)
            node_kill(k, text_of(node, "id")); /* replicas of nothing */
        nodes_status(g, "restore-failed");
    }
    (void)json_object_del(g, "task");
}

/* One step of the group's task. */
static void task_turn(keeper *k, const char *id, json_t *g, int64_t now)
{
    json_t *t = json_object_get(g, "task");
    const struct task *row = task_find(text_of(t, "kind"));
    size_t at = (size_t)number_of(t, "step");
    err e = {0};
    if (!row || at >= STEPS_MAX || !row->steps[at].run) {
        (void)json_object_del(g, "task");
        return;
    }
    if (number_of(t, "due_ms") > now) return;
    step done = row->steps[at].run(k, id, g, &e);
    if (done == STEP_BAD) task_failed(k, id, g, &e);
    if (done != STEP_DONE) return;
    k->s->dirty = true;
    bool more = at + 1 < STEPS_MAX && row->steps[at + 1].run != NULL;
    if (!more) {
        text_set(g, "status", "available");
        (void)json_object_del(g, "task");
        return;
    }
    (void)json_object_set_new(t, "step", json_integer((json_int_t)at + 1));
    (void)json_object_set_new(t, "due_ms",
                              json_integer(now + state_delay_ms(k->s, row->steps[at + 1].delay_s)));
}

/* What the API noted for an available group. */
static void changes_turn(keeper *k, const char *id, json_t *g, int64_t now)
{
    err e = {0};
    json_t *node = NULL;
    bool users = flag_of(g, "apply_users");
    bool parameters = flag_of(g, "apply_parameters");
    int64_t due = number_of(g, "pending_due_ms");
    for (size_t i = 0; (users || parameters) && each_node(g, i, &node); i++) {
        if (flag_of(g, "needs_reboot"))
            (void)json_object_set_new(node, "needs_reboot", json_true());
        if (users && !node_users_apply(k, g, text_of(node, "id"), &e))
            log_warn("sandbox: %s: %s", id, e.text);
        if (parameters && !node_parameters_apply(k, g, node, &e))
            log_warn("sandbox: %s: %s", id, e.text);
    }
    if (users && !front_apply(k, g, &e)) log_warn("sandbox: %s: %s", id, e.text);
    if (users || parameters) {
        (void)json_object_del(g, "apply_users"); /* or was not there */
        (void)json_object_del(g, "apply_parameters");
        (void)json_object_del(g, "needs_reboot");
        k->s->dirty = true;
    }
    if (due > 0 && due <= now) {
        (void)json_object_update(g, json_object_get(g, "pending"));
        (void)json_object_del(g, "pending");
        (void)json_object_del(g, "pending_due_ms");
        group_task(k->s, g, "modify", "modifying");
    }
}

/* Engines that ended by themselves are marked. */
static void ended_turn(keeper *k)
{
    for (size_t i = k->count; i > 0; i--) {
        const char *id = NULL;
        json_t *g = NULL;
        char node_id[64];
        node_process *p = &k->rows[i - 1];
        if (waitpid(p->pid, NULL, WNOHANG) != p->pid) continue;
        memcpy(node_id, p->id, sizeof node_id);
        relay_drop(k->relay, node_id);
        *p = k->rows[--k->count];
        json_t *node = group_node_find(k->s, node_id, &id, &g);
        if (!node || strcmp(text_of(node, "status"), "available") != 0) continue;
        (void)json_object_set_new(node, "ended", json_true());
        log_warn("sandbox: the engine of %s ended by itself", node_id);
    }
}

/* The service fails over, or starts it again, once the group is available. */
static void replace_turn(keeper *k, const char *id, json_t *g)
{
    json_t *node = NULL;
    err e = {0};
    for (size_t i = 0; each_node(g, i, &node); i++) {
        if (!flag_of(node, "ended")) continue;
        if (flag_of(node, "is_primary") && flag_of(g, "auto_failover")) {
            group_task(k->s, g, "crash", "modifying");
            return;
        }
        node_empty(text_of(node, "id"));
        if (!node_start(k, id, g, node, &e))
            log_warn("sandbox: %s: %s", text_of(node, "id"), e.text);
    }
}

void keeper_turn(keeper *k)
{
    const char *id = NULL;
    json_t *g = NULL;
    void *next = NULL;
    int64_t now = clock_wall_ms();
    ended_turn(k);
    snapshots_turn(k, now);
    meter_turn(k->meter, now);
    k->turns++;
    json_object_foreach_safe(state_part(k->s, "groups"), next, id, g)
    {
        if (json_object_get(g, "task")) {
            task_turn(k, id, g, now);
        } else if (strcmp(text_of(g, "status"), "available") == 0) {
            replace_turn(k, id, g);
            if (!json_object_get(g, "task")) changes_turn(k, id, g, now);
        }
        if (json_object_get(g, "named_primary") && k->turns % REPLICA_WRITE_TURNS == 0)
            replica_writes_turn(k, g);
        if (flag_of(g, "gone")) (void)json_object_del(state_part(k->s, "groups"), id);
    }
}

void keeper_init(keeper *k, sandbox *s)
{
    k->s = s;
    k->relay = NULL;
    k->meter = meter_new(k);
    k->copying = NULL;
    k->loop = net_loop_new();
    k->count = 0;
    s->keeper = k;
}

/* Its thread outlives no engine, and no engine it. */
static bool relay_begin(keeper *k, err *e)
{
    const sandbox *s = k->s;
    relay_common c = {.access_key_id = state_text(k->s, "access_key_id"),
                      .secret_key = state_text(k->s, "secret_access_key"),
                      .region = state_text(k->s, "region"),
                      .engine_password = state_text(k->s, "iam_password"),
                      .life_ms = state_delay_ms(s, IAM_CONNECTION_LIFE_S)};
    return relay_start(&c, &k->relay, e);
}

/* Its engine must not run before the file that it loads is there. */
static bool waits_for_seed(const json_t *g)
{
    const json_t *t = json_object_get(g, "task");
    return t && strcmp(text_of(t, "kind"), "create") == 0 && number_of(t, "step") == 0;
}

/* What a killed engine was saving is saved again. */
static bool saves_again(const json_t *g)
{
    json_t *t = json_object_get(g, "task");
    const struct task *row = task_find(text_of(t, "kind"));
    size_t at = (size_t)number_of(t, "step");
    if (!row || row->steps[0].run != snapshot_save || at > 1) return false;
    (void)json_object_set_new(t, "step", json_integer(0));
    return true;
}

bool keeper_begin(keeper *k, err *e)
{
    const char *id = NULL;
    json_t *g = NULL;
    if (!relay_begin(k, e)) return false;
    k->copying = copying_new(k->s->store);
    json_object_foreach(state_part(k->s, "groups"), id, g)
    {
        err trouble = {0};
        bool failed = strcmp(text_of(g, "status"), "create-failed") == 0;
        bool goes = strcmp(text_of(g, "status"), "deleting") == 0;
        if (failed || (!saves_again(g) && goes) || waits_for_seed(g)) continue;
        if (nodes_start(k, id, g, &trouble) != STEP_DONE)
            log_warn("sandbox: %s: %s", id, trouble.text);
    }
    return true;
}

void keeper_end(keeper *k)
{
    while (k->count > 0) {
        char id[64];
        memcpy(id, k->rows[k->count - 1].id, sizeof id);
        node_end(k, id, true);
    }
    copying_free(k->copying);
    relay_stop(k->relay);
    meter_free(k->meter);
    net_loop_free(k->loop);
}
