/* knowledge/knowledge.h: the facts about engines, ElastiCache, clients and metrics.
 *
 * They are the tables of data/, embedded when the program is built; one row is one fact, with its
 * source. Code never holds a parameter name, a price or a metric name of its own. The tables are
 * parsed once, when first asked for, and live as long as the program; all texts returned are
 * borrowed from them, never NULL, and empty where the table says "-". Lookups take engine
 * versions as the engines print them.
 *
 * A table that cannot be parsed is our bug (a test holds shape, sources and cross-references), so
 * nothing here fails: a row that is not there is NULL. */
#pragma once
#include "base/span.h"
#include "engine/info.h"

/* --- the tables as they are ------------------------------------------------------------------ */

typedef enum {
    TABLE_ENGINE_DIRECTIVES, /* every setting of every engine version, with its default */
    TABLE_DIRECTIVE_FATE,    /* what becomes of each on ElastiCache */
    TABLE_PARAMETERS,        /* ElastiCache parameters by family */
    TABLE_NODE_PARAMETERS,   /* what a node type decides */
    TABLE_COMMANDS,          /* commands that are blocked or changed there */
    TABLE_MODULES,           /* modules and newer types */
    TABLE_ENGINE_VERSIONS,   /* versions offered, support dates, RDB versions */
    TABLE_FEATURES,          /* lowest version by feature */
    TABLE_CONSTRAINTS,       /* of the ways to migrate */
    TABLE_BOUNDARY,          /* duty by duty, who has it */
    TABLE_CLIENTS,           /* what a client library does at a failover */
    TABLE_METRICS,           /* CloudWatch */
    TABLE_EXPORTER,          /* redis_exporter -> CloudWatch */
    TABLE_ALERTS,            /* alert rules -> alarms */
    TABLE_FORMULAS,          /* CloudWatch metrics out of INFO, for the sandbox */
    TABLE_NODE_TYPES,        /* processors, memory, network */
    TABLE_COUNT
} table_id;

typedef struct {
    const char *name;        /* "directive-fate", the file in data/ without its ending */
    const char *date;        /* when its facts were last read, YYYY-MM-DD: the oldest of its rows */
    const char *newest_date; /* and the newest */
    size_t column_count;
    const char *const *columns;
    size_t row_count;
    const char *const *cells; /* row_count * column_count */
} knowledge_table;

const knowledge_table *knowledge_at(table_id id);
/* The cell of that row and column; asserts that the column exists. */
const char *knowledge_cell(const knowledge_table *t, size_t row, const char *column);
/* The oldest date of all tables, and whether that is older than `days_max` on `today`. */
const char *knowledge_date(void);
bool knowledge_is_stale(const char *today, unsigned days_max);

/* --- settings -------------------------------------------------------------------------------- */

/* One directive as one engine version has it. */
typedef struct {
    const char *name;          /* the first name; an alias finds the same row */
    const char *default_value; /* as CONFIG GET prints it; "" may be the value */
    const char *type;          /* bool enum int memory string special */
    const char *mutability;    /* yes no protected unknown */
    const char *alias;         /* the other name CONFIG GET answers to */
    const char *source;
    bool is_ignored; /* a name the file still accepts without effect */
} knowledge_directive;

/* Does the table go back that far? Older versions are answered from the oldest that it has. */
bool knowledge_directives_hold(const engine_version *v);
/* False: no such directive. */
bool knowledge_directive_find(const engine_version *v, const char *name, knowledge_directive *ret);
/* Every directive of that version, in order: the n-th; false when there are no more. */
bool knowledge_directive_at(const engine_version *v, size_t n, knowledge_directive *ret);

typedef struct {
    const char *directive; /* "client-output-buffer-limit normal" for a class */
    const char
        *fate; /* parameter parameter-readonly api-property managed unsupported client-side */
    const char *via;
    const char *value;    /* ElastiCache's value or field */
    const char *severity; /* when changed: block warn info */
    const char *judged;   /* data/README.md: "if changed", "with cluster-enabled", ... */
    const char *action;
    const char *source;
} knowledge_fate;
/* Also module settings ("bf.error-rate": the row "*.*"). */
bool knowledge_fate_find(const char *directive, knowledge_fate *ret);

typedef struct {
    const char *family;
    const char *name;
    const char *introduced_in;
    const char *default_value;
    const char *type;
    const char *allowed;
    bool is_modifiable;
    const char *change_effect; /* immediate reboot at_creation n/a */
    bool is_node_specific;
    const char *note;
    const char *source;
} knowledge_parameter;
bool knowledge_parameter_find(const char *family, const char *name, knowledge_parameter *ret);
/* Is the value inside `allowed` ("1-75", "yes,no", "0,1-100", …)? An open range takes anything. */
bool knowledge_parameter_allows(const knowledge_parameter *p, const char *value);

/* --- targets --------------------------------------------------------------------------------- */

/* What --target names. */
typedef struct {
    const char *name;    /* "valkey8.1" */
    const char *engine;  /* valkey redis */
    const char *version; /* "8.1" */
    const char *family;  /* "valkey8"; "" for serverless */
    bool is_serverless;
    const char *support_end; /* of standard support there, "" when none is announced */
} knowledge_target;
bool knowledge_target_find(const char *name, knowledge_target *ret);
/* "valkey8.1, valkey9.0, …, serverless": for a message. */
const char *knowledge_target_names(void);

/* The parameter as that target has it: of its family, and not newer than its version; of the
 * service's fixed values for serverless. */
bool knowledge_parameter_of(const knowledge_target *t, const char *name, knowledge_parameter *ret);
/* Dotted versions by their numbers: "9.0" is at least "8.1.3". What is behind the numbers is
 * ignored. */
bool knowledge_version_at_least(const char *version, const char *least);
/* Does a text of the versions' table ("1-11 with magic REDIS, 80 with magic VALKEY; 12-79 refused")
 * hold this RDB version? What is refused or unknown there does not. */
bool knowledge_rdb_is_loaded(const char *versions_loaded, unsigned rdb_version);

typedef enum {
    DEPLOYMENT_NODE_DISABLED,
    DEPLOYMENT_NODE_ENABLED,
    DEPLOYMENT_SERVERLESS
} deployment;

/* --- commands and clients -------------------------------------------------------------------- */

typedef struct {
    const char *command;
    const char *subcommand;
    const char *state; /* for the deployment asked for: allowed blocked n/a undocumented … */
    const char *behaviour;
    const char *note;
    const char *source;
} knowledge_command;
/* Upper or lower case; subcommand NULL or "" for the command itself. */
bool knowledge_command_find(deployment d,
                            const char *command,
                            const char *subcommand,
                            knowledge_command *ret);

typedef struct {
    const char *client; /* "ioredis [5.8.0,6.0.0)" */
    const char *language;
    const char *reported_as;
    const char *defaults;
    const char *follows; /* yes partly no unknown */
    const char *known_failure;
    const char *recommended;
    const char *source;
} knowledge_client;
/* By what CLIENT SETINFO reported: "ioredis(bullmq)", "5.8.1". The row whose range holds the
 * version; without a version the newest row of that library. */
bool knowledge_client_find(const char *lib_name, const char *lib_version, knowledge_client *ret);
/* By the name people use ("jedis", "BullMQ"), the first row that starts with it. */
bool knowledge_client_named(const char *client, knowledge_client *ret);
