/* sandbox/xml.h: answers of the AWS query protocol as XML.
 *
 * A result is a JSON object in the shape of the API: members are elements, a list is an element
 * whose items carry the item name of the service's model (a table in xml.c). Members that are null
 * are left out. Form: botocore elasticache/2015-02-02/service-2.json, protocol "query". */
#pragma once
#include <jansson.h>

#include "base/buf.h"

#define XML_ANSWER_MAX (16 * MIB)
#define XML_ANSWER_DEPTH_MAX 12

typedef struct {
    const char *namespace_uri;
    const char *operation;
    const char *request_id;
} xml_frame;

/* `result` NULL: an operation whose answer has no result. False: larger than XML_ANSWER_MAX. */
bool xml_answer(buf *out, const xml_frame *f, json_t *result) MUST_CHECK;
bool xml_error(buf *out, const xml_frame *f, bool is_sender, const char *code, const char *message)
    MUST_CHECK;
