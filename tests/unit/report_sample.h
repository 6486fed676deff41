/* tests/unit/report_sample.h: a report with everything in it: every severity, accepted findings,
 * grades, long words, tables wider than a phone, and text from outside that would like to be
 * markup.
 */
#pragma once
#include "report/report.h"

/* Each would break one of the four forms if it left unescaped. */
#define HOSTILE_MARKUP                                                                             \
    "<script>alert('x')</script><img src=http://evil.example/a.png onerror=x>&amp;"
#define HOSTILE_MARKDOWN "`a` ``b`` | **c** [d](http://evil.example) # - <b>e</b> www.evil.example"
#define HOSTILE_JSON "quote \" backslash \\ brace } bracket ]"
#define HOSTILE_BYTES "\x1b[31mred\x1b[0m \xff\xfe \xe2\x80\xae reversed \x07"

static inline void sample_findings(report *r)
{
    const finding findings[] = {
        {.id = "monitoring-blind:redis_cluster_slots_fail",
         .area = "Monitoring",
         .severity = SEVERITY_INFO,
         .title = "redis_cluster_slots_fail has no counterpart in CloudWatch",
         .evidence = "used by the alert 'RedisClusterSlotFail'",
         .where = "rules.yml:41",
         .action = "probe CLUSTER INFO from inside the VPC and publish a metric of your own",
         .source =
             "oliver006/redis_exporter:exporter/exporter.go @cd5941f ; "
             "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html",
         .date = "2026-11-22"},
        {.id = "setting-default-differs:maxmemory-policy",
         .area = "Settings",
         .severity = SEVERITY_WARN,
         .title = "maxmemory-policy: keys with an expiry will be evicted, today none is",
         .evidence = "running 'noeviction', the file does not set it",
         .where = "CONFIG GET, 10.0.0.5:6379",
         .consequence = "'volatile-lru' in the default parameter group: under memory pressure "
                        "sessions vanish silently instead of writes being refused",
         .action = "set maxmemory-policy to noeviction in your own parameter group",
         .owner = "customer, inside what the parameter group marks modifiable",
         .source = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.html",
         .date = "2026-11-22"},
        {.id = "module-missing:timeseries",
         .area = "Commands",
         .severity = SEVERITY_BLOCK,
         .title = "the module 'timeseries' is loaded and used: 18,220 calls of ts.add",
         .evidence = "module 'timeseries' 1.12.3; cmdstat_ts.add: calls=18220",
         .where = "MODULE LIST, INFO commandstats, 10.0.0.5:6379",
         .consequence = "ElastiCache loads no modules; every TS.* command answers an error",
         .action = "move these series to a time series store first, or keep a server for them",
         .owner = "customer (application)",
         .source = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
                   "SupportedCommands.html",
         .date = "2026-11-22"},
        {.id = "key-name:" HOSTILE_MARKUP,
         .area = "Data",
         .severity = SEVERITY_WARN,
         .title = HOSTILE_MARKUP,
         .evidence = HOSTILE_MARKDOWN,
         .where = HOSTILE_BYTES,
         .consequence = HOSTILE_JSON,
         .source = "https://evil.example/\"onmouseover=\"alert(1)"},
        {.id = "rename-command:config",
         .area = "Commands",
         .severity = SEVERITY_BLOCK,
         .title = "CONFIG is renamed, and the new name is called",
         .evidence = "rename-command CONFIG ...",
         .where = "redis.conf:88",
         .accepted_reason = "the deploy tool that calls it is switched off on the day",
         .accepted_until = "2027-01-31"},
        {.id = "long-word",
         .area = "Data",
         .severity = SEVERITY_INFO,
         .title = "a key whose name is long",
         .evidence = "cache:v2:tenant:0000000000000000000000000000000000000000000000000000000000000"
                     "0000000000000000000000000000000000000000000000000000000000000000000:profile"},
    };
    for (size_t i = 0; i < COUNT_OF(findings); i++)
        report_add_finding(r, &findings[i]);
}

static inline void sample_sections(report *r)
{
    static const char *const columns[] = {"Client", "Version", "Connections", "Follows a failover",
                                          "What it must set"};
    static const char *const rows[][COUNT_OF(columns)] = {
        {"ioredis", "5.4.1", "312", "yes",
         "connectTimeout, retryStrategy, reconnectOnError READONLY"},
        {"Lettuce", "6.3.2", "48", "partly", "periodic topology refresh, DNS cache TTL of the JVM"},
        {"redis-py", NULL, "5", "unknown", "tells no version before 5.0"},
    };
    size_t section = report_section_at(r, "clients", "Clients");
    report_add_paragraph(
        r, section, "%s",
        "Three libraries were connected. The table says what each of them does when "
        "the primary moves; the snippet is for the one with the most connections.");
    size_t table = report_add_table(r, section, "Connected", COUNT_OF(columns), columns);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        report_add_row(r, section, table, rows[i]);
    report_add_code(r, section, "ioredis", "js",
                    "new Redis({\n  host: 'primary.example', tls: {},\n  connectTimeout: 2000,\n"
                    "  retryStrategy: (times) => Math.min(50 * 2 ** times, 2000) * Math.random(),\n"
                    "  reconnectOnError: (err) => err.message.startsWith('READONLY') ? 2 : false,"
                    "\n});\n```\n");
    section = report_section_at(r, "monitoring", "Monitoring");
    report_add_paragraph(r, section, "%s", "1. not a list, and <b>not bold</b>.\n# no heading");
}

static inline report *sample_report(void)
{
    report *r = report_new("audit", "production cache at 10.0.0.5:6379");
    report_set_verdict(r, "Go after this: the module 'timeseries' is loaded and used.");
    report_set_kind(r, "%s",
                    "A move with adaptations: engine and data stay, the application changes.");
    report_add_fact(r, "Source", "%s", "10.0.0.5:6379, redis 7.0.15, standalone");
    report_add_fact(r, "Target", "%s", "valkey8.1, node-based");
    report_add_fact(r, "Looked at", "%s", "200,000 of 2,200,000 keys (bounded by 200,000 keys)");
    static const grade grades[] = {
        {"Schema and API", GRADE_HIGH, "module-missing blocks"},
        {"Operational model", GRADE_MEDIUM, "setting-default-differs"},
        {"Abstraction", GRADE_LOW, "nothing found"},
        {"Number of components", GRADE_LOW, "nothing found"},
        {"Application change", GRADE_UNKNOWN, "CLIENT LIST could not be read"},
        {"Data topology", GRADE_LOW, "nothing found"},
    };
    for (size_t i = 0; i < COUNT_OF(grades); i++)
        report_add_grade(r, &grades[i]);
    sample_findings(r);
    sample_sections(r);
    report_sort(r);
    return r;
}
