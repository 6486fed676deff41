/* The operations that are here, and what each may be asked. Source: the service's model, monitoring
 * 2010-08-01; parameters of it that do not stand here are told as not implemented. */
#include "watch/watch_internal.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, false                                                                          \
    }

static const shape flag = {.kind = SHAPE_FLAG};
static const shape real = {.kind = SHAPE_REAL};
static const shape time_of_day = {.kind = SHAPE_TIME};
static const shape text = {.kind = SHAPE_TEXT};
static const shape text_255 = {.kind = SHAPE_TEXT, .min = 1, .max = 255};
static const shape text_1024 = {.kind = SHAPE_TEXT, .min = 1, .max = 1024};
static const shape text_or_none_1024 = {.kind = SHAPE_TEXT, .max = 1024};
static const shape expression = {.kind = SHAPE_TEXT, .min = 1, .max = 2048};
static const shape count = {.kind = SHAPE_WHOLE, .min = 1};
static const shape records = {.kind = SHAPE_WHOLE, .min = 1, .max = 100};
static const shape datapoints = {.kind = SHAPE_WHOLE, .min = 1, .max = 100800};
static const shape statistic = {.kind = SHAPE_TEXT,
                                .words = " SampleCount Average Sum Minimum Maximum "};
static const shape statistics = {.kind = SHAPE_LIST, .min = 1, .max = 5, .item = &statistic};
static const shape extended_statistics = {.kind = SHAPE_LIST, .min = 1, .max = 10, .item = &text};
static const shape unit = {
    .kind = SHAPE_TEXT,
    .words =
        " Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits "
        "Kilobits Megabits Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second "
        "Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second "
        "Megabits/Second Gigabits/Second Terabits/Second Count/Second None "};
static const shape scan = {.kind = SHAPE_TEXT, .words = " TimestampDescending TimestampAscending "};
static const shape recently = {.kind = SHAPE_TEXT, .words = " PT3H "};
static const shape state = {.kind = SHAPE_TEXT, .words = " OK ALARM INSUFFICIENT_DATA "};
static const shape alarm_type = {.kind = SHAPE_TEXT,
                                 .words = " CompositeAlarm MetricAlarm LogAlarm "};
static const shape alarm_types = {.kind = SHAPE_LIST, .item = &alarm_type};
static const shape names = {.kind = SHAPE_LIST, .max = 100, .item = &text_255};
static const shape actions = {.kind = SHAPE_LIST, .max = 5, .item = &text_1024};
static const shape compare = {
    .kind = SHAPE_TEXT,
    .words = " GreaterThanOrEqualToThreshold GreaterThanThreshold LessThanThreshold "
             "LessThanOrEqualToThreshold LessThanLowerOrGreaterThanUpperThreshold "
             "LessThanLowerThreshold GreaterThanUpperThreshold "};
static const shape treat = {.kind = SHAPE_TEXT, .words = " breaching notBreaching ignore missing "};
static const shape low_count = {.kind = SHAPE_TEXT, .words = " evaluate ignore "};

static const member dimension_members[] = {
    {"Name", &text_255, true}, {"Value", &text_1024, true}, END};
static const shape dimension = {.kind = SHAPE_OBJECT, .members = dimension_members};
static const shape dimensions = {.kind = SHAPE_LIST, .max = 30, .item = &dimension};
static const member filter_members[] = {
    {"Name", &text_255, true}, {"Value", &text_1024, false}, END};
static const shape filter = {.kind = SHAPE_OBJECT, .members = filter_members};
static const shape filters = {.kind = SHAPE_LIST, .max = 10, .item = &filter};

static const member metric_members[] = {{"Namespace", &text_255, false},
                                        {"MetricName", &text_255, false},
                                        {"Dimensions", &dimensions, false},
                                        END};
static const shape metric_shape = {.kind = SHAPE_OBJECT, .members = metric_members};
static const member stat_members[] = {{"Metric", &metric_shape, true},
                                      {"Period", &count, true},
                                      {"Stat", &text_255, true},
                                      {"Unit", &unit, false},
                                      END};
static const shape stat = {.kind = SHAPE_OBJECT, .members = stat_members};
static const member query_members[] = {{"Id", &text_255, true},
                                       {"MetricStat", &stat, false},
                                       {"Expression", &expression, false},
                                       {"Label", &text, false},
                                       {"ReturnData", &flag, false},
                                       {"Period", &count, false},
                                       {"AccountId", &text_255, false},
                                       END};
static const shape query = {.kind = SHAPE_OBJECT, .members = query_members};
static const shape queries = {.kind = SHAPE_LIST, .max = 500, .item = &query};

static const member get_data_members[] = {{"MetricDataQueries", &queries, true},
                                          {"StartTime", &time_of_day, true},
                                          {"EndTime", &time_of_day, true},
                                          {"NextToken", &text, false},
                                          {"ScanBy", &scan, false},
                                          {"MaxDatapoints", &datapoints, false},
                                          END};
static const shape get_data = {.kind = SHAPE_OBJECT, .members = get_data_members};

static const member get_statistics_members[] = {{"Namespace", &text_255, true},
                                                {"MetricName", &text_255, true},
                                                {"Dimensions", &dimensions, false},
                                                {"StartTime", &time_of_day, true},
                                                {"EndTime", &time_of_day, true},
                                                {"Period", &count, true},
                                                {"Statistics", &statistics, false},
                                                {"ExtendedStatistics", &extended_statistics, false},
                                                {"Unit", &unit, false},
                                                END};
static const shape get_statistics = {.kind = SHAPE_OBJECT, .members = get_statistics_members};

static const member list_members[] = {
    {"Namespace", &text_255, false},      {"MetricName", &text_255, false},
    {"Dimensions", &filters, false},      {"NextToken", &text, false},
    {"RecentlyActive", &recently, false}, END};
static const shape list = {.kind = SHAPE_OBJECT, .members = list_members};

static const member put_alarm_members[] = {{"AlarmName", &text_255, true},
                                           {"AlarmDescription", &text_or_none_1024, false},
                                           {"ActionsEnabled", &flag, false},
                                           {"OKActions", &actions, false},
                                           {"AlarmActions", &actions, false},
                                           {"InsufficientDataActions", &actions, false},
                                           {"MetricName", &text_255, false},
                                           {"Namespace", &text_255, false},
                                           {"Statistic", &statistic, false},
                                           {"ExtendedStatistic", &text, false},
                                           {"Dimensions", &dimensions, false},
                                           {"Period", &count, false},
                                           {"Unit", &unit, false},
                                           {"EvaluationPeriods", &count, false},
                                           {"DatapointsToAlarm", &count, false},
                                           {"Threshold", &real, false},
                                           {"ComparisonOperator", &compare, false},
                                           {"TreatMissingData", &treat, false},
                                           {"EvaluateLowSampleCountPercentile", &low_count, false},
                                           END};
static const shape put_alarm = {.kind = SHAPE_OBJECT, .members = put_alarm_members};

static const member describe_members[] = {
    {"AlarmNames", &names, false},       {"AlarmNamePrefix", &text_255, false},
    {"AlarmTypes", &alarm_types, false}, {"StateValue", &state, false},
    {"ActionPrefix", &text_1024, false}, {"MaxRecords", &records, false},
    {"NextToken", &text, false},         END};
static const shape describe = {.kind = SHAPE_OBJECT, .members = describe_members};

static const member delete_members[] = {{"AlarmNames", &names, true}, END};
static const shape delete_shape = {.kind = SHAPE_OBJECT, .members = delete_members};

static const watch_operation operations[] = {
    {"GetMetricData", &get_data, get_metric_data},
    {"GetMetricStatistics", &get_statistics, get_metric_statistics},
    {"ListMetrics", &list, list_metrics},
    {"PutMetricAlarm", &put_alarm, put_metric_alarm},
    {"DescribeAlarms", &describe, describe_alarms},
    {"DeleteAlarms", &delete_shape, delete_alarms},
};

const watch_operation *watch_operation_at(size_t n)
{
    return n < COUNT_OF(operations) ? &operations[n] : NULL;
}
