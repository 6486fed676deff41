"""Other people's clients against the sandbox's CloudWatch: Debian's AWS CLI, AWS's SDKs for JavaScript (in its own protocol and
in CBOR) and Python, and moto as a second witness.

Installed by tests/interop/install.sh sdk moto; what is not there is not collected.
"""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE))

from sandboxes import ClientError, Config, Sandbox, Session  # noqa: E402
from servers import ROOT, end_group, wait_until  # noqa: E402

STORE = ROOT / ".cache" / "interop"
SDK = STORE / "sdk" / "node_modules" / "@aws-sdk" / "client-cloudwatch"
MOTO = STORE / "moto"
SPACE = "AWS/ElastiCache"
NODE = "cart-001"
DIMENSIONS = [{"Name": "CacheClusterId", "Value": NODE}, {"Name": "CacheNodeId", "Value": "0001"}]
ITEMS = 6


def utc(seconds=0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("300") as one:
        one.create("cart", replicas=0)
        one.redis("cart").mset({f"key:{i}": i for i in range(ITEMS)})
        watch = one.client("cloudwatch")

        def values():
            got = watch.get_metric_statistics(Namespace=SPACE, MetricName="CurrItems", Dimensions=DIMENSIONS, StartTime=utc(-300),
                                              EndTime=utc(1), Period=60, Statistics=["Maximum"])["Datapoints"]
            return [point["Maximum"] for point in got]
        wait_until(lambda: values().count(ITEMS) > 5, 60, values, every_s=0.2)
        yield one


def run(sandbox, *command, **env):
    status = sandbox.status()
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith("AWS_")}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=180, env={
        **clean, "AWS_ENDPOINT_URL": status["endpoint"], "AWS_REGION": status["region"], "AWS_DEFAULT_REGION": status["region"],
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": status["credentials"]["access_key_id"], "NODE_ID": NODE,
        "AWS_SECRET_ACCESS_KEY": status["credentials"]["secret_access_key"], **env})
    assert done.returncode == 0, done.stderr + sandbox.log()
    return json.loads(done.stdout)


def wanted(content_type, invalid="InvalidParameterValueException", wrong="ValidationException"):
    """What both programs print; an SDK has names of its own for two faults."""
    return {"last": ["CurrItems", ITEMS, ITEMS, "Count", True, True], "pages": [["a", 2, True, "PartialData"]], "listed": 2,
            "alarm": ["ALARM", 0.5, 60, True, True], "missing": "ResourceNotFound 404", "backwards": f"{invalid} 400",
            "math": "NotImplemented 501", "wrong": f"{wrong} 400", "left": 0, "types": [content_type]}


@pytest.mark.skipif(not SDK.is_dir(), reason="the AWS SDK for JavaScript is not installed")
@pytest.mark.parametrize("protocol,content_type", [("json", "application/x-amz-json-1.0"), ("cbor", "application/cbor")])
def test_the_sdk_for_javascript_sees_metrics_and_alarms(sandbox, protocol, content_type):
    script = shutil.copy(HERE / "clients" / "cloudwatch.mjs", STORE / "sdk" / "cloudwatch.mjs")
    assert run(sandbox, "node", script, PROTOCOL=protocol) == wanted(content_type)


@pytest.mark.skipif(not (MOTO / "boto3").is_dir(), reason="boto3 is not installed")
def test_boto3_sees_metrics_and_alarms(sandbox):
    got = run(sandbox, "/usr/bin/python3", HERE / "clients" / "cloudwatch.py", PYTHONPATH=str(MOTO))
    assert got == wanted("application/x-amz-json-1.0", "InvalidParameterValue", "ValidationError")


def test_the_aws_cli_sees_metrics_and_alarms(sandbox):
    def cli(*arguments, code=0):
        done = sandbox.aws(*arguments, service="cloudwatch")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr
    dimensions = [f"Name={one['Name']},Value={one['Value']}" for one in DIMENSIONS]
    got = cli("get-metric-statistics", "--namespace", SPACE, "--metric-name", "CurrItems", "--dimensions", *dimensions, "--period", "60",
              "--statistics", "Maximum", "--start-time", utc(-300).strftime("%FT%TZ"), "--end-time", utc(1).strftime("%FT%TZ"))
    assert (got["Label"], max(point["Maximum"] for point in got["Datapoints"])) == ("CurrItems", ITEMS)
    assert len(cli("list-metrics", "--namespace", SPACE, "--metric-name", "IsMaster")["Metrics"]) == 2
    cli("put-metric-alarm", "--alarm-name", "from-cli", "--namespace", SPACE, "--metric-name", "CurrItems", "--dimensions", *dimensions,
        "--statistic", "Maximum", "--period", "60", "--evaluation-periods", "1", "--threshold", "0.5",
        "--comparison-operator", "GreaterThanThreshold")
    cli("wait", "alarm-exists", "--alarm-names", "from-cli")
    wait_until(lambda: cli("describe-alarms", "--state-value", "ALARM")["MetricAlarms"], 60, "the alarm goes off", every_s=0.2)
    assert "(ResourceNotFound)" in cli("delete-alarms", "--alarm-names", "none", code=254)
    assert "(NotImplemented)" in cli("list-dashboards", code=254)
    cli("delete-alarms", "--alarm-names", "from-cli")


# -- the second witness --------------------------------------------------------------------------

# What only one of the two tells, by nature: moto has no state data nor transitions of its own.
LEFT_OUT = {"AlarmArn", "AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp", "StateReason",
            "StateReasonData", "StateValue", "EvaluationState", "Timestamp", "Timestamps", "NextToken", "Messages", "LogAlarms"}


def shape(value):
    """An answer without its times and states: lists by their first item, numbers by their kind."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in sorted(value.items())
                if k not in LEFT_OUT and k != "ResponseMetadata" and v not in ([], {}, None, "")}
    if isinstance(value, list):
        return [shape(value[0])] if value and not isinstance(value[0], str) else value
    return type(value).__name__ if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def told(call):
    try:
        got = call()
    except ClientError as e:
        return e.response["Error"]["Code"]
    return shape(got)


def story(watch):
    heard = []

    def say(operation, **more):
        heard.append((operation, told(lambda: getattr(watch, operation)(**more))))
    metric = {"Namespace": SPACE, "MetricName": "CurrItems", "Dimensions": DIMENSIONS}
    span = {"StartTime": utc(-300), "EndTime": utc(60)}
    say("list_metrics", Namespace=SPACE, MetricName="CurrItems", Dimensions=DIMENSIONS)
    say("list_metrics", Namespace="AWS/Nothing")
    say("get_metric_statistics", **metric, **span, Period=60, Statistics=["Maximum", "Sum", "Average", "Minimum", "SampleCount"])
    say("get_metric_statistics", **{**metric, "MetricName": "Nothing"}, **span, Period=60, Statistics=["Sum"])
    say("get_metric_statistics", **metric, **span, Period=60)
    # With a label: moto makes one of its own out of metric and statistic; the service's examples show the metric alone.
    query = {"Id": "a", "Label": "items", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}
    say("get_metric_data", MetricDataQueries=[query], **span)
    say("get_metric_data", MetricDataQueries=[{**query, "MetricStat": {
        **query["MetricStat"], "Metric": {**metric, "MetricName": "Nothing"}}}], **span)
    say("get_metric_data", MetricDataQueries=[{"Id": "a"}], **span)
    alarm = {"AlarmName": "w", **metric, "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 2, "DatapointsToAlarm": 1, "Threshold": 3,
             "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore", "AlarmDescription": "text", "ActionsEnabled": True,
             "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:pager"]}
    say("put_metric_alarm", **alarm)
    say("describe_alarms", AlarmNames=["w"])
    say("describe_alarms", AlarmNamePrefix="none")
    say("describe_alarms", ActionPrefix="arn:aws:sns")
    say("delete_alarms", AlarmNames=["w"])
    say("describe_alarms")
    return heard


@pytest.mark.skipif(not MOTO.is_dir(), reason="moto is not installed")
def test_moto_answers_in_the_same_shape(sandbox, tmp_path):
    from test_aws import READY_S, Moto
    moto = Moto(tmp_path)
    try:
        wait_until(moto.ready, READY_S, "moto answers", every_s=0.2)
        moto.user()
        other = Session().create_client("cloudwatch", region_name="us-east-1", endpoint_url=moto.url,
                                        config=Config(retries={"max_attempts": 1}), aws_access_key_id=moto.env["AWS_ACCESS_KEY_ID"],
                                        aws_secret_access_key=moto.env["AWS_SECRET_ACCESS_KEY"])
        other.put_metric_data(Namespace=SPACE, MetricData=[{"MetricName": "CurrItems", "Dimensions": DIMENSIONS, "Unit": "Count", "Value": 6.0,
                                                            "Timestamp": utc(-60)}])
        different = [(ours, theirs) for ours, theirs in zip(story(sandbox.client("cloudwatch")), story(other)) if ours != theirs]
        assert not different, "\n".join(f"{ours}\n  moto: {theirs[1]}" for ours, theirs in different)
    finally:
        end_group(moto.process)
        moto.log.close()
