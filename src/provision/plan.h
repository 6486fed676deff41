/* provision/plan.h: what is to stand at ElastiCache, as its YAML file says it. Pure.
 *
 * Reading checks everything that can be known without AWS: names, types, limits, the parameters of
 * the family (data/elasticache-parameters.tsv), and what does not go together. A plan that was read
 * is complete: defaults are filled in, `line` 0 tells one. Passwords never stand in it, only where
 * they are ("env:NAME", "file:PATH"). All text lives in the caller's arena. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define PLAN_ID_MAX ((size_t)40)
#define PLAN_USERS_MAX ((size_t)100) /* of a user group */
#define PLAN_PASSWORDS_MAX ((size_t)2)
#define PLAN_TAGS_MAX ((size_t)48) /* two of 50 are ours */
#define PLAN_PARAMETERS_MAX ((size_t)200)
#define PLAN_LIST_MAX ((size_t)20) /* subnets of a group, by default */
#define PLAN_REPLICAS_MAX 5

typedef struct {
    const char *text; /* NULL: not given */
    int64_t number;   /* of numbers, and of flags (0, 1) */
    size_t line;      /* 0: not given */
} plan_value;

typedef struct {
    plan_value *at;
    size_t count;
    size_t line;
} plan_list;

typedef struct {
    const char *name;
    plan_value value;
} plan_pair;

typedef struct {
    plan_pair *at; /* ordered by name, so that the same plan asks the same */
    size_t count;
    size_t line;
} plan_pairs;

typedef struct {
    plan_value id;
    plan_value name;
    plan_value access;
    plan_value iam;
    plan_value no_password;
    plan_list passwords;
    size_t line;
} plan_user;

typedef struct {
    const char *path;
    plan_value name; /* of the tag, and of everything that has no name of its own */
    plan_pairs tags;
    /* parameter-group: */
    plan_value parameter_group; /* NULL text: the family's default */
    plan_value family;
    plan_pairs parameters;
    size_t parameter_group_line;
    /* subnet-group: */
    plan_value subnet_group; /* NULL text: the account's default */
    plan_list subnets;       /* empty: the group is somebody else's */
    size_t subnet_group_line;
    /* users: */
    plan_user *users;
    size_t user_count;
    size_t users_line;
    plan_value user_group;
    /* replication-group: */
    plan_value id;
    plan_value description;
    plan_value engine;
    plan_value version;
    plan_value node_type;
    plan_value replicas;
    plan_value multi_az;
    plan_value auto_failover;
    plan_value tls; /* "required", "preferred", "no" */
    plan_value at_rest;
    plan_value auth_token;
    plan_value retention_days;
    plan_value snapshot_window;
    plan_value maintenance_window;
    plan_value auto_minor;
    plan_value port;
    plan_list security_groups;
    size_t group_line;
} plan;

/* ERR_USAGE "'path', line N: ..." with what to do. */
bool plan_read(span yaml, const char *path, arena *memory, plan *ret, err *e) MUST_CHECK;
/* The same of a file. */
bool plan_load(const char *path, arena *memory, plan *ret, err *e) MUST_CHECK;
/* Does it end with a user group? Else with an AUTH token, or with neither. */
bool plan_has_users(const plan *p);
