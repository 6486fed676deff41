/* audit/audit_internal.h: what collectors and rules agree on inside the audit.
 *
 * A rule set is one area of the report: a table of its rules and a function that judges the facts
 * by them. The table is the only list of finding ids: docs/findings.md is made from it, the grades
 * are counted by it, and a test holds that no finding leaves without a row. */
#pragma once
#include "audit/audit.h"
#include "audit/facts.h"
#include "knowledge/knowledge.h"

/* The six dimensions that a migration is graded by. */
typedef enum {
    DIMENSION_NONE,
    DIMENSION_SCHEMA,      /* schema and API: commands, types, settings that behave differently */
    DIMENSION_OPERATIONS,  /* operational model: who runs what, and how it is seen */
    DIMENSION_ABSTRACTION, /* what the service hides that was used directly */
    DIMENSION_COMPONENTS,  /* number of components: modules, Sentinel, proxies, sidecars */
    DIMENSION_APPLICATION, /* what the application must change */
    DIMENSION_TOPOLOGY,    /* data topology: databases, cluster, replicas, placement */
    DIMENSION_COUNT
} audit_dimension;

typedef struct {
    const char *rule; /* "setting-unsupported"; a finding's id is this, or this and ":what" */
    audit_dimension dimension;
    const char *meaning; /* one or two sentences for docs/findings.md */
} audit_rule_row;

typedef struct {
    const char *area; /* "Settings": the finding's area and the section's title */
    const audit_rule_row *rows;
    size_t row_count;
    /* Writes findings and, where a table says more, a section. Must not fail: what the facts do
     * not hold is not judged. */
    void (*judge)(const audit_facts *f,
                  const knowledge_target *t,
                  const audit_options *o,
                  report *r);
} audit_rule_set;

/* One per file rule_*.c, in the order of the report. */
extern const audit_rule_set audit_settings;
extern const audit_rule_set audit_commands;
extern const audit_rule_set audit_users;
extern const audit_rule_set audit_clients;
extern const audit_rule_set audit_data;
extern const audit_rule_set audit_operations;
extern const audit_rule_set audit_monitoring;
extern const audit_rule_set audit_boundary;
extern const audit_rule_set audit_unread;

/* All of them, in the order of the report, and the rows of what accepting adds (`judge` NULL
 * there); NULL: no more. */
const audit_rule_set *audit_rule_set_at(size_t n);
/* The row of a finding's rule; NULL is our mistake. */
const audit_rule_row *audit_rule_row_find(const char *id);
const char *audit_dimension_name(audit_dimension d); /* "" for none */

/* Two words that the grading goes by: a rule with this at the front says that something could not
 * be read; a blocker whose action begins so has no way around it. */
#define AUDIT_UNREAD "unread"
#define AUDIT_STAY "stay self-managed"

/* Every duty of the table has its row in rule_boundary.c, and no other is there. */
bool audit_boundary_is_whole(void);

/* --- collectors ------------------------------------------------------------------------------ */

/* From a running server and, in a cluster, each of its members. Sends only commands that read and
 * are bounded: no KEYS, nothing O(keys) but SCAN. A right that is missing fills `unread`. */
bool audit_collect_live(const audit_options *o, audit_facts *f, err *e) MUST_CHECK;
/* From redis.conf (`o->conf_path`) and a saved INFO (`o->info_path`); added to what is there. */
bool audit_collect_offline(const audit_options *o, audit_facts *f, err *e) MUST_CHECK;
/* The keys from an RDB file (`o->dump_path`), in place of a sample; added to what is there. */
bool audit_collect_dump(const audit_options *o, audit_facts *f, err *e) MUST_CHECK;

/* What none of them was asked for. */
void gaps_note(audit_facts *f, const audit_options *o);

/* --- the end of a report --------------------------------------------------------------------- */

/* The six grades by the written rule over findings, the kind of migration, the verdict line. */
void audit_grade(report *r);

/* A whole file, into the facts' memory. */
bool audit_file_read(const char *path, arena *memory, span *ret, err *e) MUST_CHECK;
