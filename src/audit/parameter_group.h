/* audit/parameter_group.h: the parameter group that the target needs, and nothing more.
 *
 * Values that the family's default has already are not in it, so what is there is what somebody
 * decided. Written as commands of the AWS CLI and as a CloudFormation resource. */
#pragma once
#include "knowledge/knowledge.h"
#include "report/report.h"

#define PARAMETER_GROUP_MAX 128

typedef struct {
    size_t count;
    struct {
        const char *name;
        const char *value;
    } rows[PARAMETER_GROUP_MAX];
} parameter_group;

/* Of two values of one parameter the first stands. */
void parameter_group_add(parameter_group *g, const char *name, const char *value);
/* Paragraphs and code. An empty group says that none is needed. */
void parameter_group_write(const parameter_group *g,
                           const knowledge_target *t,
                           report *r,
                           size_t section);
