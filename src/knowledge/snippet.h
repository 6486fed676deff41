/* knowledge/snippet.h: what a client must be configured with on ElastiCache, as code to copy.
 *
 * The files of data/snippets, embedded when the program is built. PRIMARY_ENDPOINT stands for the
 * name of the target in all of them. */
#pragma once
#include "base/base.h"

typedef struct {
    const char *name;     /* the file's: "ioredis.js" */
    size_t name_size;     /* without the ending: the client, as its row in clients.tsv begins */
    const char *language; /* the ending: js py java … */
    const char *text;
} knowledge_snippet;

/* The n-th; false when there are no more. */
bool knowledge_snippet_at(size_t n, knowledge_snippet *ret);
/* For what a row of the clients' table names ("ioredis [5.8.0,6.0.0)", "Celery/kombu (broker)").
 * `lib_name`, as the client reported it, picks the language where there are several: GlidePy takes
 * valkey-glide.py. */
bool knowledge_snippet_find(const char *client, const char *lib_name, knowledge_snippet *ret);
