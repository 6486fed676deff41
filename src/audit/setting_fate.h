/* audit/setting_fate.h: what becomes of one setting of one node on one target. Pure.
 *
 * The source's effective value is compared with the engine's default (did somebody change it?) and
 * with ElastiCache's default (does the target differ?): an untouched source changes its behaviour
 * where the two defaults differ. The parameter of the target's family decides first; the fate of
 * the directive, which describes the newest families, where there is none. */
#pragma once
#include "audit/facts.h"
#include "audit/setting_value.h"

typedef enum {
    OUTCOME_NONE,        /* nothing to say: not judged, or the same there */
    OUTCOME_PARAMETER,   /* changed: a parameter carries it */
    OUTCOME_DEFAULT,     /* untouched, and ElastiCache's default differs */
    OUTCOME_RANGE,       /* a parameter that does not take the value */
    OUTCOME_FIXED,       /* a parameter that nobody may change */
    OUTCOME_ABSENT,      /* a parameter elsewhere, not on this target */
    OUTCOME_PROPERTY,    /* a field of an API call */
    OUTCOME_MANAGED,     /* the service decides */
    OUTCOME_UNSUPPORTED, /* the feature is absent */
    OUTCOME_CLIENT,      /* the client's business */
    OUTCOME_COUNT
} setting_outcome;

#define SETTING_PARAMETERS_MAX 3

typedef struct {
    knowledge_parameter row;
    const char *value; /* the source's, as the parameter takes it */
    const char *there; /* ElastiCache's default */
    bool differs;
    bool is_settable; /* differs, may be changed, and takes the value */
} setting_parameter;

typedef struct {
    const char *name; /* of the directive, with the class for a buffer limit */
    const char *value;
    const char *engine_default;
    bool is_changed;
    const char *severity;
    knowledge_fate fate;
    size_t parameter_count;
    setting_parameter parameters[SETTING_PARAMETERS_MAX];
    const char *there; /* what ElastiCache has, for people */
    setting_outcome outcome;
} setting_verdict;

/* What is judged, and what may be known of it. */
typedef struct {
    const audit_node *node;
    const knowledge_target *target;
    const knowledge_directive *directive;
    const char *name;           /* the directive's, or that of a class of it */
    const char *value;          /* effective */
    const char *engine_default; /* "0 0 0" for a class */
    bool is_in_file;
} setting_case;

/* Does this directive say anything on that node? By the word in its fate (data/README.md). */
bool setting_matters(const audit_node *n, const knowledge_fate *fate, bool is_in_file);

/* Texts live in `memory`. False: the tables have no fate for it (a test holds that they have). */
bool setting_judge(const setting_case *c, arena *memory, setting_verdict *ret);
