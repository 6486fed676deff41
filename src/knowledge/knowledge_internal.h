/* knowledge/knowledge_internal.h: what the lookups share. */
#pragma once
#include "knowledge/knowledge.h"

/* Made by tools/embed.py. */
struct embedded_file {
    const char *name; /* "clients.tsv" */
    size_t size;
    const char *text;
};
extern const struct embedded_file embedded_files[];

/* Dotted numbers as people write them: "7.0.15", "9", "6.x" (the x counts as 0). What is behind
 * the numbers is ignored. Answers less, equal or greater than 0. */
int version_compare(span a, span b);
/* Is it inside "[5.8.0,6.0.0)", "[7,)", "[5,6.1]", "<3.48.0"? A text without a range holds all. */
bool version_in_range(span version, span range);

bool text_same(const char *a, const char *b); /* but for ASCII case */
