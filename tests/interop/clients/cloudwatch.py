"""boto3 against a sandbox's CloudWatch, from the environment. Prints one line of JSON: what cloudwatch.mjs prints."""

import datetime
import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SPACE = "AWS/ElastiCache"
DIMENSIONS = [{"Name": "CacheClusterId", "Value": os.environ["NODE_ID"]}, {"Name": "CacheNodeId", "Value": "0001"}]
NOW = datetime.datetime.now(datetime.timezone.utc)
START, END = NOW - datetime.timedelta(minutes=5), NOW + datetime.timedelta(seconds=1)
watch = boto3.client("cloudwatch", config=Config(retries={"max_attempts": 1}))
types, told = set(), {}
watch.meta.events.register("before-send", lambda request, **_: types.add(request.headers["Content-Type"].decode()))


def fault(call):
    try:
        call()
    except ClientError as e:
        return f'{e.response["Error"]["Code"]} {e.response["ResponseMetadata"]["HTTPStatusCode"]}'
    return "none"


one = watch.get_metric_statistics(Namespace=SPACE, Dimensions=DIMENSIONS, MetricName="CurrItems", StartTime=START, EndTime=END, Period=60,
                                  Statistics=["Maximum"], ExtendedStatistics=["p99"])
last = max(one["Datapoints"], key=lambda point: point["Timestamp"])
told["last"] = [one["Label"], last["Maximum"], last["ExtendedStatistics"]["p99"], last["Unit"], isinstance(last["Timestamp"], datetime.datetime),
                abs((last["Timestamp"] - NOW).total_seconds()) < 60]
query = {"Id": "a", "MetricStat": {"Metric": {"Namespace": SPACE, "Dimensions": DIMENSIONS, "MetricName": "CurrItems"}, "Period": 60, "Stat": "Maximum"}}
pages = watch.get_paginator("get_metric_data").paginate(MetricDataQueries=[query], StartTime=START, EndTime=NOW, MaxDatapoints=2)
result = [page["MetricDataResults"][0] for page in pages][0]
told["pages"] = [[result["Id"], len(result["Values"]), result["Timestamps"][0] > result["Timestamps"][1], result["StatusCode"]]]
told["listed"] = len(watch.list_metrics(Namespace=SPACE, MetricName="IsMaster", Dimensions=DIMENSIONS[:1])["Metrics"])
alarm = {"AlarmName": "from-python", "Namespace": SPACE, "MetricName": "CurrItems", "Dimensions": DIMENSIONS, "Statistic": "Maximum", "Period": 60,
         "EvaluationPeriods": 1, "Threshold": 0.5, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
watch.put_metric_alarm(**alarm)
watch.get_waiter("alarm_exists").wait(AlarmNames=["from-python"])
end = time.monotonic() + 30  # boto3 waits for an alarm to exist, not for its state
while time.monotonic() < end:
    found = watch.describe_alarms(AlarmNames=["from-python"])["MetricAlarms"][0]
    told["alarm"] = [found["StateValue"], found["Threshold"], found["Period"], found["ActionsEnabled"],
                     isinstance(found["StateUpdatedTimestamp"], datetime.datetime)]
    if found["StateValue"] == "ALARM":
        break
    time.sleep(0.05)
told["missing"] = fault(lambda: watch.delete_alarms(AlarmNames=["from-python", "none"]))
told["backwards"] = fault(lambda: watch.get_metric_statistics(Namespace=SPACE, MetricName="x", StartTime=END, EndTime=START, Period=60,
                                                               Statistics=["Sum"]))
told["math"] = fault(lambda: watch.get_metric_data(MetricDataQueries=[{"Id": "e", "Expression": "1 + 1"}], StartTime=START, EndTime=END))
told["wrong"] = fault(lambda: watch.put_metric_alarm(**alarm, DatapointsToAlarm=2))
watch.delete_alarms(AlarmNames=["from-python"])
told["left"] = len(watch.describe_alarms(AlarmNames=["from-python"])["MetricAlarms"])
told["types"] = sorted(types)
print(json.dumps(told))
