/* provision/tree.h: a YAML file as a small tree that knows its lines. Pure.
 *
 * Mappings, lists and scalars; no anchors, aliases or tags, one document, every name of a mapping
 * once. Everything lives in the caller's arena. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define TREE_SIZE_MAX ((size_t)256 * KIB)
#define TREE_DEPTH_MAX 6
#define TREE_NODES_MAX ((size_t)4000)
#define TREE_TEXT_MAX ((size_t)4096)

typedef enum { TREE_SCALAR, TREE_MAP, TREE_LIST } tree_kind;

typedef struct tree {
    tree_kind kind;
    const char *name; /* in a mapping; else "" */
    const char *text; /* of a scalar; else "" */
    size_t line;      /* from 1: of the name, in a list of the value */
    struct tree *child, *next;
    struct tree *last; /* child */
    struct tree *up;
} tree;

/* The root, a mapping; NULL: the file says nothing. ERR_USAGE "'path', line N: ..." */
bool tree_read(span yaml, const char *path, arena *memory, const tree **ret, err *e) MUST_CHECK;
/* The error of a line, in the same form. Answers false. */
bool tree_refuse(const char *path, size_t line, const char *what, const char *hint, err *e);
