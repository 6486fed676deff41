#include "aws/partition.h"

/* botocore's data/partitions.json; the last row is for all other regions. */
static const struct {
    const char *prefix, *name, *suffix;
} partitions[] = {
    {"cn-", "aws-cn", "amazonaws.com.cn"},       {"us-gov-", "aws-us-gov", "amazonaws.com"},
    {"us-iso-", "aws-iso", "c2s.ic.gov"},        {"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
    {"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"}, {"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
    {"eusc-", "aws-eusc", "amazonaws.eu"},       {"", "aws", "amazonaws.com"},
};

static size_t row_of(const char *region)
{
    size_t i = 0;
    while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0)
        i++;
    return i;
}

const char *aws_dns_suffix(const char *region)
{
    return partitions[row_of(region)].suffix;
}

const char *aws_partition(const char *region)
{
    return partitions[row_of(region)].name;
}

bool aws_region_check(const char *region, err *e)
{
    size_t good = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (good > 0 && good < 64 && !region[good]) return true;
    return err_set(e, ERR_USAGE, "'%.64s' is no name of an AWS region", region);
}
