/* audit/operations.h: what the rules about running the servers share. */
#pragma once
#include "audit/audit_internal.h"

typedef struct {
    const audit_facts *f;
    const knowledge_target *t;
    report *r;
    arena *scratch;
    const char *today;
} audit_scene;

/* Adds area and, where the finding leaves them open, place and date. */
void audit_operations_add(audit_scene *o, finding made);
/* Of the row of TABLE_CONSTRAINTS by row: judged, or a question for the operator. */
void audit_constraints_judge(audit_scene *o);
const char *
audit_constraint_checked(size_t n); /* the id of the n-th check; NULL when there are no more */

/* --- figures, each false or 0 when it was not read ------------------------------------------- */

bool audit_info_is(const audit_node *n, const char *name, const char *value);
/* INFO's text, in scratch memory; "" when not read. */
const char *audit_info_shown(arena *a, const audit_node *n, const char *name);
uint64_t audit_info_sum(const audit_facts *f, const char *name);
uint64_t audit_info_max(const audit_facts *f, const char *name);

typedef struct {
    bool is_known;
    double writes;       /* calls a second, on average since the start */
    double input_bytes;  /* a second that clients send: no less than what they write */
    const char *repeats; /* commands seen that may not be applied twice, "incr, lpush"; "" */
} audit_traffic;
audit_traffic audit_traffic_of(arena *a, const audit_facts *f);

bool audit_is_write(const char *command); /* as commandstats calls it */

/* The text for the target, "" when the table has none. */
const char *audit_rdb_loaded_by(const knowledge_target *t);
/* The version the target writes itself; 0: the table does not say. */
unsigned audit_rdb_written_by(const knowledge_target *t);

const char *audit_bytes(arena *a, uint64_t bytes);                       /* "3.2 GB" */
const char *audit_list_add(arena *a, const char *list, const char *one); /* "a" -> "a, b" */
