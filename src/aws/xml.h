/* aws/xml.h: an answer of a service as a small tree. Pure.
 *
 * Only elements and their text; attributes, comments and namespaces' prefixes of no use here are
 * dropped. A document type is refused: no entity can grow or name a file. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define XML_DEPTH_MAX 32
#define XML_NODES_MAX ((size_t)200000)

typedef struct xml_node {
    const char *name;
    const char *text; /* of an element without children; else empty */
    struct xml_node *child;
    struct xml_node *next;
} xml_node;

/* The root; it lives in `memory`. ERR_FORMAT, ERR_LIMIT. */
bool xml_read(span document, arena *memory, const xml_node **ret, err *e) MUST_CHECK;
/* The first at "Error/Code" below the node; NULL: there is none. A NULL node has nothing. */
const xml_node *xml_at(const xml_node *n, const char *path);
/* Its text; empty: there is none. */
const char *xml_text(const xml_node *n, const char *path);
/* The next of the same name. */
const xml_node *xml_next(const xml_node *n);

/* Text as it stands between two tags. What XML 1.0 has no form for becomes '?'. */
bool xml_escape(span text, buf *out) MUST_CHECK;
