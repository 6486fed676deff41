/* aws/partition.h: where a service answers in a region. A table; pure. */
#pragma once
#include "base/err.h"

/* "amazonaws.com" for "eu-west-1", "amazonaws.com.cn" for "cn-north-1". */
const char *aws_dns_suffix(const char *region);
/* "aws", "aws-cn", "aws-us-gov", ...: the second part of an ARN there. */
const char *aws_partition(const char *region);
/* Lower-case letters, digits and hyphens, so that it can stand in a host name. */
bool aws_region_check(const char *region, err *e) MUST_CHECK;
