#include "aws/endpoint.h"

#include "aws/partition.h"
#include "base/mem.h"

const aws_service aws_elasticache = {"ELASTICACHE", "elasticache", "elasticache", "2015-02-02"};
const aws_service aws_sts = {"STS", "sts", "sts", "2011-06-15"};
const aws_service aws_cloudwatch = {"CLOUDWATCH", "monitoring", "monitoring", "2010-08-01"};
const aws_service aws_s3 = {"S3", "s3", "s3", NULL};

static bool url_copy(const char *url, const char *from, char **ret, err *e)
{
    bool http = strncmp(url, "http://", 7) == 0 && url[7];
    bool https = strncmp(url, "https://", 8) == 0 && url[8];
    if (!http && !https) {
        (void)err_set(e, ERR_USAGE, "%s: not a URL of http or https", from);
        return err_hint(e, "write it like 'https://host:port'");
    }
    span s = span_text(url);
    while (s.at[s.size - 1] == '/')
        s.size--;
    *ret = mem_text(s);
    return true;
}

/* NULL: neither the environment nor the profile names one. */
static char *configured(const aws_service *s, const profile *p, const char **ret_from)
{
    char variable[64];
    const char *ignore = secure_getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    (void)snprintf(variable, sizeof variable, "AWS_ENDPOINT_URL_%s", s->id);
    const char *own = secure_getenv(variable);
    const char *all = secure_getenv("AWS_ENDPOINT_URL");
    if (ignore && strcasecmp(ignore, "true") == 0) return NULL;
    *ret_from = "AWS_ENDPOINT_URL";
    if (own && *own) return mem_text(span_text(own));
    if (all && *all) return mem_text(span_text(all));
    *ret_from = "the profile's endpoint_url";
    return profile_text(p, "endpoint_url");
}

bool aws_endpoint(const aws_service *s,
                  const profile *p,
                  const char *asked,
                  const char *region,
                  char **ret,
                  err *e)
{
    const char *from = "--endpoint-url";
    CLEANUP(mem_free_at) char *found = asked ? NULL : configured(s, p, &from);
    if (asked || found) return url_copy(asked ? asked : found, from, ret, e);
    if (!aws_region_check(region, e)) return false;
    int size = asprintf(ret, "https://%s.%s.%s", s->host, region, aws_dns_suffix(region));
    assert(size > 0);
    return true;
}
