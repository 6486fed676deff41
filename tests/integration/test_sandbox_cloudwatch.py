"""The sandbox's CloudWatch: what nodes did, as AWS's own clients ask for it, in all three protocols; alarms that follow it."""

import datetime
import json
import struct
import urllib.error
import urllib.request

import pytest

from sandboxes import AWSRequest, Credentials, Sandbox, SigV4Auth, refused
from servers import wait_until
from tool import SLOW

MINUTE_S = 0.2  # a minute of the service's at this compression
COMPRESS = "300"
SPACE = "AWS/ElastiCache"
TARGET = "GraniteServiceVersion20100801"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(COMPRESS) as one:
        one.create("cart", replicas=1)
        yield one


@pytest.fixture(scope="module")
def watch(sandbox):
    return sandbox.client("cloudwatch")


def utc(seconds=0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def node(name="cart-001"):
    return [{"Name": "CacheClusterId", "Value": name}, {"Name": "CacheNodeId", "Value": "0001"}]


def points(watch, metric, dimensions, statistic="Sum", since=None, **more):
    got = watch.get_metric_statistics(Namespace=SPACE, MetricName=metric, Dimensions=dimensions, Statistics=[statistic],
                                      StartTime=since or utc(-300), EndTime=utc(1), Period=60, **more)
    assert got["Label"] == metric
    return [one[statistic] for one in sorted(got["Datapoints"], key=lambda one: one["Timestamp"])]


def becomes(watch, wanted, metric, dimensions, **more):
    wait_until(lambda: wanted(points(watch, metric, dimensions, **more)), 10 * SLOW,
               lambda: f"{metric} {points(watch, metric, dimensions, **more)}", every_s=MINUTE_S / 2)


def alarm(watch, name, **more):
    watch.put_metric_alarm(**{
        "AlarmName": name, "Namespace": SPACE, "MetricName": "CurrItems", "Dimensions": node(), "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold", **more})


def state(watch, name):
    return watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


def gets_into(watch, name, wanted):
    wait_until(lambda: state(watch, name) == wanted, 10 * SLOW,
               lambda: f"{wanted}: {watch.describe_alarms(AlarmNames=[name])['MetricAlarms']}", every_s=MINUTE_S / 2)


# -- metrics -------------------------------------------------------------------------------------


def test_what_clients_did_is_counted_and_what_the_sandbox_did_is_not(sandbox, watch):
    r = sandbox.redis("cart")
    before = {name: sum(points(watch, name, node())) for name in ("CacheHits", "CacheMisses", "SetTypeCmds", "HashBasedCmds")}
    for i in range(50):
        r.set(f"key:{i}", i, ex=1000 if i < 20 else None)
        r.get(f"key:{i}")
    for _ in range(30):
        r.get("none")
        r.hset("hash", "field", "value")
    becomes(watch, lambda got: sum(got) == before["CacheHits"] + 50, "CacheHits", node())
    becomes(watch, lambda got: sum(got) == before["CacheMisses"] + 30, "CacheMisses", node())
    becomes(watch, lambda got: sum(got) == before["SetTypeCmds"] + 80, "SetTypeCmds", node())
    becomes(watch, lambda got: sum(got) == before["HashBasedCmds"] + 30, "HashBasedCmds", node())
    becomes(watch, lambda got: got[-1] == 51, "CurrItems", node(), statistic="Maximum")
    becomes(watch, lambda got: got[-1] == 20, "CurrVolatileItems", node(), statistic="Maximum")
    becomes(watch, lambda got: got[-1] == 1, "CurrConnections", node(), statistic="Maximum")
    assert 0 < points(watch, "EngineCPUUtilization", node(), "Average")[-1] <= 100
    assert points(watch, "DatabaseMemoryUsagePercentage", node(), "Average")[-1] > 0
    assert points(watch, "GetTypeCmdsLatency", node(), "Average")[0] > 0
    assert points(watch, "ReplicationLag", node("cart-002"), "Maximum")[-1] <= 2
    assert points(watch, "ReplicationLag", node(), "Maximum") == []  # of replicas alone
    assert points(watch, "CacheHits", node(), Unit="Bytes") == []


def test_connections_of_clients_are_counted_and_the_sandbox_s_own_are_not(sandbox, watch):
    count = len(points(watch, "NewConnections", node()))
    becomes(watch, lambda got: len(got) > count + 1, "NewConnections", node())
    before = sum(points(watch, "NewConnections", node()))
    clients = [sandbox.redis("cart") for _ in range(4)]
    assert all(one.ping() for one in clients)
    becomes(watch, lambda got: sum(got) == before + 4, "NewConnections", node())  # it makes many a second itself
    count = len(points(watch, "NewConnections", node()))
    becomes(watch, lambda got: len(got) > count + 2, "NewConnections", node())
    assert sum(points(watch, "NewConnections", node())) == before + 4
    for one in clients:
        one.close()


def test_a_metric_is_there_under_the_dimensions_of_the_table(watch):
    listed = [one for page in watch.get_paginator("list_metrics").paginate(Namespace=SPACE) for one in page["Metrics"]]
    sets = {(one["MetricName"], tuple(sorted(d["Name"] for d in one["Dimensions"]))) for one in listed}
    assert ("CacheHits", ("CacheClusterId",)) in sets and ("CacheHits", ("CacheClusterId", "CacheNodeId")) in sets
    assert ("ProcessedCommands", ("CacheClusterId",)) not in sets
    assert {name for name, dimensions in sets if dimensions == ("ReplicationGroupId",)} == {
        "EngineCPUUtilization", "DatabaseMemoryUsageCountedForEvictPercentage", "DatabaseCapacityUsageCountedForEvictPercentage"}
    assert len(listed) == len({json.dumps(one, sort_keys=True) for one in listed})
    group = [{"Name": "ReplicationGroupId", "Value": "cart"}]
    becomes(watch, lambda got: got[-2] == 2, "EngineCPUUtilization", group, statistic="SampleCount")  # both nodes
    assert watch.list_metrics(Namespace=SPACE, MetricName="CacheHits", Dimensions=[{"Name": "CacheClusterId", "Value": "cart-002"}],
                              RecentlyActive="PT3H")["Metrics"]
    assert watch.list_metrics(Namespace="AWS/EC2")["Metrics"] == []


def test_many_metrics_are_asked_for_at_once_in_pages(watch):
    queries = [{"Id": f"q{i}", "Label": name, "MetricStat": {
        "Metric": {"Namespace": SPACE, "MetricName": name, "Dimensions": node()}, "Period": 60, "Stat": stat}}
        for i, (name, stat) in enumerate((("CurrItems", "Maximum"), ("BytesUsedForCache", "p50"), ("IsMaster", "Average")))]
    queries.append({**queries[0], "Id": "hidden", "ReturnData": False})
    start, end = utc(-300), utc(-MINUTE_S)
    becomes(watch, lambda got: len(got) > 3, "CurrItems", node())
    whole = watch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end)["MetricDataResults"]
    assert [one["Label"] for one in whole] == ["CurrItems", "BytesUsedForCache", "IsMaster"]
    assert {one["StatusCode"] for one in whole} == {"Complete"}
    assert whole[0]["Timestamps"] == sorted(whole[0]["Timestamps"], reverse=True)
    paged = {}
    for page in watch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, StartTime=start, EndTime=end, MaxDatapoints=2):
        assert sum(len(one["Values"]) for one in page["MetricDataResults"]) <= 2
        for one in page["MetricDataResults"]:
            paged.setdefault(one["Id"], []).extend(one["Values"])
    assert paged == {one["Id"]: one["Values"] for one in whole}


# -- alarms --------------------------------------------------------------------------------------


def test_an_alarm_goes_off_recovers_and_survives_a_restart(sandbox, watch):
    with Sandbox(COMPRESS) as own:
        own.create("till", replicas=0)
        watch, r = own.client("cloudwatch"), own.redis("till")
        alarm(watch, "items", Dimensions=node("till-001"), AlarmActions=["arn:aws:sns:us-east-1:123456789012:pager"], AlarmDescription="ü")
        alarm(watch, "nobody", Dimensions=node("none-001"))
        alarm(watch, "nobody-breaching", Dimensions=node("none-001"), TreatMissingData="breaching")
        gets_into(watch, "items", "OK")
        for i in range(6):
            r.set(i, i)
        gets_into(watch, "items", "ALARM")
        gets_into(watch, "nobody-breaching", "ALARM")
        assert state(watch, "nobody") == "INSUFFICIENT_DATA"
        before = watch.describe_alarms(AlarmNames=["items"])["MetricAlarms"][0]
        assert "1 out of the last 1 datapoints [6.0" in before["StateReason"]
        assert json.loads(before["StateReasonData"])["recentDatapoints"] == [6.0]
        own.stop()
        own.start()
        watch = own.client("cloudwatch")
        after = watch.describe_alarms(AlarmNames=["items"])["MetricAlarms"][0]
        for name in ("AlarmArn", "AlarmDescription", "AlarmActions", "AlarmConfigurationUpdatedTimestamp", "Threshold", "Dimensions"):
            assert after[name] == before[name]
        becomes(watch, lambda got: len(got) > 4, "CurrItems", node("till-001"))
        after = watch.describe_alarms(AlarmNames=["items"])["MetricAlarms"][0]  # it was ALARM all the time
        assert (after["StateValue"], after["StateTransitionedTimestamp"]) == ("ALARM", before["StateTransitionedTimestamp"])
        own.redis("till").flushall()
        gets_into(watch, "items", "OK")
        own.client().delete_replication_group(ReplicationGroupId="till")
        gets_into(watch, "items", "INSUFFICIENT_DATA")  # no datapoints any more
        watch.delete_alarms(AlarmNames=["items", "nobody", "nobody-breaching"])
        assert watch.describe_alarms()["MetricAlarms"] == []


def test_a_failover_is_seen_in_metrics_and_by_an_alarm(sandbox, watch):
    alarm(watch, "moved", MetricName="IsMaster", Statistic="Minimum", Threshold=1, ComparisonOperator="LessThanThreshold",
          TreatMissingData="breaching")
    gets_into(watch, "moved", "OK")
    becomes(watch, lambda got: got[-1] == 0, "IsMaster", node("cart-002"), statistic="Maximum")
    sandbox.client().test_failover(ReplicationGroupId="cart", NodeGroupId="0001")
    gets_into(watch, "moved", "ALARM")
    becomes(watch, lambda got: got[-1] == 1, "IsMaster", node("cart-002"), statistic="Maximum")
    sandbox.wait("cart")
    watch.delete_alarms(AlarmNames=["moved"])


def test_alarms_are_found_by_what_is_asked_for(watch):
    for i in range(5):
        alarm(watch, f"find-{i}", OKActions=["arn:aws:sns:us-east-1:123456789012:ok"] if i == 3 else [])
    found = [one["AlarmName"] for page in watch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="find-", PaginationConfig={"PageSize": 2}) for one in page["MetricAlarms"]]
    assert found == [f"find-{i}" for i in range(5)]
    assert [one["AlarmName"] for one in watch.describe_alarms(ActionPrefix="arn:aws:sns")["MetricAlarms"]] == ["find-3"]
    assert watch.describe_alarms(AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == []
    refused(lambda: watch.delete_alarms(AlarmNames=["find-0", "none"]), "ResourceNotFound", "none")
    watch.delete_alarms(AlarmNames=found)  # nothing was deleted before
    assert watch.describe_alarms(AlarmNamePrefix="find-")["MetricAlarms"] == []


# -- errors, protocols ---------------------------------------------------------------------------


def test_wrong_calls_are_refused_with_the_service_s_codes(watch):
    refused(lambda: points(watch, "CacheHits", node(), since=utc(-200000)), "InvalidParameterCombination", "exceeds the limit of 1440")
    refused(lambda: points(watch, "CacheHits", node(), since=utc(60)), "InvalidParameterValue", "StartTime must be less")
    refused(lambda: alarm(watch, "x", DatapointsToAlarm=2), "ValidationError", "DatapointsToAlarm must be less than or equal")
    refused(lambda: watch.get_metric_data(MetricDataQueries=[{"Id": "e1", "Expression": "m1 / m2"}], StartTime=utc(-60), EndTime=utc()),
            "NotImplemented", "metric math")
    refused(lambda: watch.list_dashboards(), "NotImplemented", "ListDashboards")
    refused(lambda: watch.describe_alarms(NextToken="x"), "InvalidNextToken")


def signed(sandbox, path, headers, body, secret=None):
    status = sandbox.status()
    request = AWSRequest("POST", status["endpoint"] + path, data=body, headers=headers)
    keys = status["credentials"]
    SigV4Auth(Credentials(keys["access_key_id"], secret or keys["secret_access_key"]), "monitoring", status["region"]).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(request.url, body, dict(request.headers)), timeout=10) as got:
            return got.status, got.headers, got.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def by_json(sandbox, operation, body, **more):
    code, headers, got = signed(sandbox, "/", {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{TARGET}.{operation}",
                                               "X-Amzn-Query-Mode": "true"}, body, **more)
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    return code, headers.get("x-amzn-query-error"), json.loads(got)


def test_json_is_spoken_too(sandbox, watch):
    becomes(watch, lambda got: len(got) > 1, "CurrItems", node())
    call = {"MetricDataQueries": [{"Id": "a", "MetricStat": {"Metric": {"Namespace": SPACE, "MetricName": "CurrItems", "Dimensions": node()},
                                                             "Period": 60, "Stat": "Maximum"}}],
            "StartTime": utc(-300).timestamp(), "EndTime": utc(1).timestamp()}
    code, fault, got = by_json(sandbox, "GetMetricData", json.dumps(call).encode())
    assert (code, fault) == (200, None)
    result = got["MetricDataResults"][0]
    assert result["StatusCode"] == "Complete" and len(result["Values"]) == len(result["Timestamps"]) > 1
    assert abs(result["Timestamps"][0] - utc().timestamp()) < 60
    assert by_json(sandbox, "DeleteAlarms", b'{"AlarmNames":["x"]}') == (
        404, "ResourceNotFound;Sender", {"__type": "com.amazonaws.cloudwatch#ResourceNotFound", "message": "Unknown: alarm 'x'"})
    code, fault, got = by_json(sandbox, "GetMetricStatistics", b'{"Period":60}')
    assert (code, fault, got["__type"]) == (400, "MissingParameter;Sender", "com.amazonaws.cloudwatch#MissingRequiredParameterException")
    assert by_json(sandbox, "PutDashboard", b"{}")[:2] == (501, "NotImplemented;Receiver")
    assert by_json(sandbox, "ListMetrics", b"{")[:2] == (400, "SerializationException;Sender")
    assert by_json(sandbox, "ListMetrics", b"{}", secret="wrong")[:2] == (403, "SignatureDoesNotMatch;Sender")


def test_cbor_is_spoken_too(sandbox):
    def by_cbor(operation, body):
        code, headers, got = signed(sandbox, f"/service/{TARGET}/operation/{operation}",
                                    {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}, body)
        assert (headers["Content-Type"], headers["smithy-protocol"]) == ("application/cbor", "rpc-v2-cbor")
        return code, headers.get("x-amzn-query-error"), got

    def text(value):
        return bytes([0x60 | len(value)]) + value.encode()

    code, fault, got = by_cbor("ListMetrics", b"\xa2" + text("MetricName") + text("IsMaster") + text("Dimensions") + b"\x81\xa2" +
                               text("Name") + text("CacheClusterId") + text("Value") + text("cart-001"))
    assert (code, fault) == (200, None)
    assert got.startswith(b"\xa1" + text("Metrics") + b"\x82")  # with its node, and without
    assert by_cbor("ListMetrics", b"\xa0")[0] == 200
    code, fault, got = by_cbor("DeleteAlarms", b"\xa1" + text("AlarmNames") + b"\x81" + text("x"))
    assert (code, fault) == (404, "ResourceNotFound;Sender") and b"cloudwatch#ResourceNotFound" in got
    moment = b"\xc1\xfb" + struct.pack(">d", utc(-60).timestamp())
    body = b"\xa3" + text("StartTime") + moment + text("EndTime") + b"\xc1\x1a" + struct.pack(">I", int(utc().timestamp())) + \
        text("MetricDataQueries") + b"\x80"
    assert by_cbor("GetMetricData", body)[0] == 200
    assert by_cbor("ListMetrics", b"\xa1")[:2] == (400, "SerializationException;Sender")
