/* provision/provision.h: what a plan names, made at ElastiCache, checked, and taken back.
 *
 *     plan -> (look, compare, call, wait) by resource, in order -> checks -> report
 *
 * What stands there is asked, never remembered: each thing made carries the tag handover:plan with
 * the plan's name from its first moment, so a run that was killed anywhere is gone on with by
 * running it again, on any machine. What has no such tag is never changed and never deleted. */
#pragma once
#include <signal.h>

#include "aws/session.h"
#include "base/err.h"
#include "engine/url.h"
#include "provision/plan.h"
#include "report/report.h"

typedef struct {
    const plan *plan;
    aws_choice aws;
    bool dry_run;   /* only look, and print the calls that would be sent */
    const char *at; /* "HOST[:PORT]": where the cache is reached from here; NULL: by its name */
    const char *tls[ENGINE_TLS_COUNT]; /* for checking it; NULL: not given */
    int64_t timeout_ms;                /* for everything */
    FILE *out;                         /* of a dry run */
    const volatile sig_atomic_t *stop;
    /* Before anything is deleted; false with an err: not. */
    bool (*confirm)(void *context, const char *what, err *e);
    void *context;
} provision_options;

/* Makes and checks. `*ret` is the report of the checks; NULL after a dry run. The caller frees it.
 * ERR_STATE: something of that name is there and is not ours, or cannot be changed. */
bool provision_run(const provision_options *o, report **ret, err *e) MUST_CHECK;
/* Deletes what carries the plan's tag, in reverse order, and waits until it is gone. */
bool provision_destroy(const provision_options *o, size_t *ret_count, err *e) MUST_CHECK;

/* Without AWS: everything of the plan as commands of the AWS CLI, or as a CloudFormation template.
 */
bool provision_print_cli(const plan *p, FILE *out, err *e) MUST_CHECK;
bool provision_print_template(const plan *p, FILE *out, err *e) MUST_CHECK;
