/* aws/query.h: the query protocol: an action with its parameters as a form, an answer in XML. */
#pragma once
#include "aws/session.h"
#include "aws/xml.h"
#include "base/mem.h"

#define AWS_FORM_MAX ((size_t)MIB)
#define AWS_PAGES_MAX 10000

/* "&name=value" to the form, encoded. ERR_LIMIT at AWS_FORM_MAX. */
bool aws_form_add(buf *form, const char *name, span value, err *e) MUST_CHECK;

typedef struct {
    const aws_service *service;
    const char *action;
    span form; /* of aws_form_add; empty: no parameters */
    bool once; /* not to be repeated after a lost answer */
} aws_action;

/* `ret` is the element ActionResult, or the root where there is none; it lives in `memory`. */
bool aws_query(struct aws_session *s,
               const aws_action *a,
               int64_t deadline_ns,
               arena *memory,
               const xml_node **ret,
               aws_fault *ret_fault,
               err *e) MUST_CHECK;

/* Takes one page of the result. False with an err ends it. */
typedef bool aws_page(void *context, const xml_node *result, err *e);
/* All pages: by Marker or NextToken, as the service has it. */
bool aws_query_pages(struct aws_session *s,
                     const aws_action *a,
                     int64_t deadline_ns,
                     aws_page *page,
                     void *context,
                     aws_fault *ret_fault,
                     err *e) MUST_CHECK;

typedef enum { WAIT_MORE, WAIT_DONE, WAIT_FAILED } wait_answer;
/* WAIT_MORE may fill the err with what it still is ("creating"): the deadline's error tells it. */
typedef wait_answer aws_check(void *context, int64_t deadline_ns, err *e);
/* Asks every `every_ms` until it is done, failed, or the deadline: then ERR_TIMEOUT with `what`. */
bool aws_wait(const char *what,
              aws_check *check,
              void *context,
              int64_t every_ms,
              int64_t deadline_ns,
              err *e) MUST_CHECK;
