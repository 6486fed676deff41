/* audit/command_use.h: the commands in use over all nodes, and the parts of the command rules. */
#pragma once
#include "audit/audit_internal.h"

typedef struct {
    const char *name; /* "CONFIG GET": upper case, a blank between */
    const char *base; /* "CONFIG" */
    const char *sub;  /* "GET"; "" */
    uint64_t calls;
} command_use;

typedef struct {
    const audit_facts *f;
    const knowledge_target *t;
    report *r;
    arena *memory;
    deployment deployment;
    size_t used_count;
    const command_use *used; /* the most called first */
} command_judge;

/* All in the arena. */
size_t command_use_collect(const audit_facts *f, arena *memory, const command_use **ret);
/* "PSUBSCRIBE", "CONFIG GET"; a base alone also counts its subcommands. */
uint64_t command_use_calls(const command_judge *j, const char *name);
/* Is `name` among the words of a table's cell? Words stand between blanks, commas and slashes; one
 * that ends in '*' stands for all that begin so. */
bool command_word_is(const char *cell, const char *name);

void command_features_judge(const command_judge *j);
