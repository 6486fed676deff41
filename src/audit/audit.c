#include "audit/audit.h"

#include "audit/audit_internal.h"
#include "audit/plan_draft.h"
#include "base/clock.h"

#define TABLE_DAYS_MAX 180 /* older facts about AWS are told with a warning */

static bool facts_collect(const audit_options *o, audit_facts *f, err *e)
{
    if (o->watch_ms > 0 && !o->source) {
        (void)err_set(e, ERR_USAGE, "--watch follows a server, and none is named");
        return err_hint(e, "give --source, or leave --watch out");
    }
    if (!o->source && !o->conf_path && !o->info_path && !o->dump_path) {
        (void)err_set(e, ERR_USAGE, "nothing to audit is named");
        return err_hint(e,
                        "give --source, or --conf, --info and --rdb for an audit of saved files");
    }
    if (o->source && !audit_collect_live(o, f, e)) return false;
    if ((o->conf_path || o->info_path) && !audit_collect_offline(o, f, e)) return false;
    if (o->dump_path && !audit_collect_dump(o, f, e)) return false;
    gaps_note(f, o);
    f->rules_path = o->rules_path;
    return !o->rules_path || audit_file_read(o->rules_path, &f->memory, &f->rules, e);
}

/* What was looked at, for the head of the report. */
static void head_fill(const audit_facts *f, const knowledge_target *t, report *r)
{
    const audit_node *n = &f->nodes[0];
    uint64_t keys = 0;
    size_t read = 0;
    assert(n); /* a collector has filled at least one */
    for (size_t i = 0; i < f->node_count; i++) {
        read += f->nodes[i].info.size > 0;
        for (size_t d = 0; d < f->nodes[i].database_count && !f->nodes[i].is_replica; d++)
            keys += f->nodes[i].databases[d].keys;
    }
    report_add_fact(r, "Source", "%s%s", n->address, f->is_live ? "" : " (saved files)");
    report_add_fact(r, "Engine", "%s%s", engine_version_show(&n->version).text,
                    n->has_version ? "" : " (assumed)");
    if (n->is_cluster && read < f->node_count)
        report_add_fact(r, "Cluster", "%zu of %zu members read", read, f->node_count);
    if (n->is_cluster && read == f->node_count)
        report_add_fact(r, "Cluster", "%zu member%s read", read, read == 1 ? "" : "s");
    if (n->info.size || n->dump.path) report_add_fact(r, "Keys", "%" PRIu64, keys);
    if (n->whoami) report_add_fact(r, "Read as user", "%s", n->whoami);
    if (f->watched_ms) report_add_fact(r, "Watched", "%" PRId64 " s", f->watched_ms / 1000);
    if (f->conf_path) report_add_fact(r, "Configuration file", "%s", f->conf_path);
    if (n->dump.path) {
        report_add_fact(r, "RDB file", "%s (version %u, %" PRIu64 " bytes, %s)", n->dump.path,
                        n->dump.version, n->dump.bytes,
                        n->dump.has_saved_at ? clock_show(n->dump.saved_at_ms).text
                                             : "does not say when it was saved");
    }
    report_add_fact(r, "Target", "%s (ElastiCache for %s %s%s%s)", t->name,
                    strcmp(t->engine, "valkey") == 0 ? "Valkey" : "Redis OSS", t->version,
                    t->is_serverless ? ", serverless" : ", parameter group family ",
                    t->is_serverless ? "" : t->family);
    report_add_fact(r, "Tables of", "%s", knowledge_date());
}

/* Before anything is asked of a server: a wrong name is told at once. */
static bool accepted_read(const audit_options *o, audit_facts *f, span *ret, err *e)
{
    err why = {0};
    if (!o->accepted_path || audit_file_read(o->accepted_path, &f->memory, ret, &why)) return true;
    (void)err_set(e, ERR_USAGE, "--accepted: %s", why.text);
    return err_hint(e, "name the file of accepted findings, or leave the option out");
}

static void
judge_all(const audit_options *o, const audit_facts *f, const knowledge_target *t, report *r)
{
    const audit_rule_set *set = NULL;
    for (size_t i = 0; (set = audit_rule_set_at(i)); i++)
        if (set->judge) set->judge(f, t, o, r);
    if (knowledge_is_stale(o->today, TABLE_DAYS_MAX)) {
        report_add_finding(
            r, &(finding){.id = "tables-stale",
                          .area = "Reading",
                          .severity = SEVERITY_WARN,
                          .title = "The tables about ElastiCache are old",
                          .evidence = report_printf(r, "the oldest is of %s, today is %s",
                                                    knowledge_date(), o->today),
                          .where = "handover version",
                          .consequence = "What AWS changed since then is not known here.",
                          .action = "use a newer release of handover before you decide"});
    }
}

static bool plan_is_possible(const audit_options *o, const knowledge_target *t, err *e)
{
    if (!o->plan_path || !t->is_serverless) return true;
    (void)err_set(e, ERR_USAGE, "--plan: a serverless cache has no place in a plan");
    return err_hint(e, "name another --target, or leave --plan out");
}

bool audit_run(const audit_options *given, report **ret, err *e)
{
    knowledge_target target;
    audit_facts f = {0};
    CLEANUP(mem_free_at) plan_draft *draft = given->plan_path ? mem_alloc(sizeof *draft) : NULL;
    audit_options with_draft = *given;
    const audit_options *o = &with_draft;
    with_draft.draft = draft;
    if (!knowledge_target_find(o->target, &target)) {
        (void)err_set(e, ERR_USAGE, "there is no target '%s'",
                      span_show(span_text(o->target)).text);
        return err_hint(e, "one of: %s", knowledge_target_names());
    }
    span accepted = {0};
    bool done = plan_is_possible(o, &target, e) && accepted_read(o, &f, &accepted, e) &&
                facts_collect(o, &f, e);
    if (done) {
        report *r = report_new("audit", "What will not come along to ElastiCache");
        head_fill(&f, &target, r);
        judge_all(o, &f, &target, r);
        done = !o->accepted_path || report_accept(r, o->accepted_path, accepted, o->today, e);
        done = done && (!draft || plan_draft_write(draft, &f, &target, o->plan_path, e));
        if (done) {
            audit_grade(r);
            *ret = r;
        } else {
            report_free(r);
        }
    }
    if (draft) arena_clear(&draft->memory);
    arena_clear(&f.memory);
    return done;
}
