/* watch/families.h: which commands belong to which family of metrics, and what each family did.
 *
 * A family is a text of data/info-to-cloudwatch.tsv ("@read -@admin", "eval,evalsha"); what a
 * command is, its own engine says (the answer to COMMAND). Pure. */
#pragma once
#include "base/mem.h"
#include "resp/reply.h"

#define FAMILIES_MAX 64
#define FAMILIES_COMMANDS_MAX ((size_t)4000)

typedef struct {
    double calls;
    double usec;
} family_sum;

typedef struct families families;
/* `texts` are borrowed as long as it lives. */
families *families_new(const reply *commands, const char *const *texts, size_t count);
void families_free(families *f); /* NULL is fine */
/* The commandstats of an INFO, added up by family; `sums` has one for each text. */
void families_add_up(const families *f, span info, family_sum *sums);
