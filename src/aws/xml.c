#include "aws/xml.h"

#include <expat.h>

#define TEXT_MAX ((size_t)4 * MIB)

typedef struct {
    XML_Parser parser;
    arena *memory;
    xml_node *root;
    xml_node *open[XML_DEPTH_MAX];
    xml_node *last[XML_DEPTH_MAX]; /* the youngest child of each open one */
    size_t depth;
    size_t count;
    buf text; /* of the innermost open element */
    err *e;
    bool failed;
} reading;

static void stop(reading *r)
{
    r->failed = true;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static void on_start(void *context, const char *name, const char **attributes)
{
    reading *r = context;
    (void)attributes;
    if (r->failed) return;
    if (r->depth == XML_DEPTH_MAX || r->count == XML_NODES_MAX) {
        (void)err_set(r->e, ERR_LIMIT, "XML of more than %d levels or %zu elements", XML_DEPTH_MAX,
                      XML_NODES_MAX);
        stop(r);
        return;
    }
    xml_node *n = arena_alloc(r->memory, sizeof *n);
    n->name = arena_text(r->memory, span_text(name));
    n->text = "";
    if (r->depth == 0) {
        r->root = n;
    } else if (r->last[r->depth - 1]) {
        r->last[r->depth - 1]->next = n;
    } else {
        r->open[r->depth - 1]->child = n;
    }
    if (r->depth) r->last[r->depth - 1] = n;
    r->open[r->depth] = n;
    r->last[r->depth] = NULL;
    r->depth++;
    r->count++;
    r->text.size = 0;
}

static void on_end(void *context, const char *name)
{
    reading *r = context;
    (void)name;
    if (r->failed) return;
    xml_node *n = r->open[--r->depth];
    if (!n->child) n->text = arena_text(r->memory, buf_span(&r->text));
    r->text.size = 0;
}

static void on_text(void *context, const char *at, int size)
{
    reading *r = context;
    if (r->failed || buf_append(&r->text, span_of(at, (size_t)size))) return;
    (void)err_set(r->e, ERR_LIMIT, "XML with a text of more than %zu bytes", TEXT_MAX);
    stop(r);
}

static void
on_doctype(void *context, const char *name, const char *system, const char *public, int internal)
{
    reading *r = context;
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    (void)err_set(r->e, ERR_FORMAT, "XML with a document type is not read");
    stop(r);
}

bool xml_read(span document, arena *memory, const xml_node **ret, err *e)
{
    reading r = {.memory = memory, .text = buf_of(TEXT_MAX), .e = e};
    if (document.size > INT32_MAX) return err_set(e, ERR_LIMIT, "XML of more than 2 GiB");
    r.parser = XML_ParserCreate(NULL);
    assert(r.parser); /* only without memory */
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    const char *at = document.size ? (const char *)document.at : "";
    bool good = XML_Parse(r.parser, at, (int)document.size, XML_TRUE) == XML_STATUS_OK;
    if (!good && !r.failed) {
        (void)err_set(e, ERR_FORMAT, "not XML: %s, in line %lu",
                      XML_ErrorString(XML_GetErrorCode(r.parser)),
                      (unsigned long)XML_GetCurrentLineNumber(r.parser));
    }
    XML_ParserFree(r.parser);
    buf_clear(&r.text);
    if (!good || r.failed) return false;
    *ret = r.root;
    return true;
}

static const xml_node *child_of(const xml_node *n, span name)
{
    const xml_node *c = n->child;
    while (c && !span_is(name, c->name))
        c = c->next;
    return c;
}

const xml_node *xml_at(const xml_node *n, const char *path)
{
    span rest = span_text(path);
    span name = {0};
    while (n && span_cut(&rest, '/', &name))
        n = child_of(n, name);
    return n;
}

const char *xml_text(const xml_node *n, const char *path)
{
    const xml_node *at = xml_at(n, path);
    return at ? at->text : "";
}

const xml_node *xml_next(const xml_node *n)
{
    const xml_node *at = n->next;
    while (at && strcmp(at->name, n->name) != 0)
        at = at->next;
    return at;
}

bool xml_escape(span text, buf *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.at[i];
        const char *named = byte == '<'    ? "&lt;"
                            : byte == '>'  ? "&gt;"
                            : byte == '&'  ? "&amp;"
                            : byte == '"'  ? "&quot;"
                            : byte == '\r' ? "&#13;"
                                           : NULL;
        if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') named = "?";
        if (named ? !buf_text(out, named) : !buf_u8(out, byte)) return false;
    }
    return true;
}
