// The AWS SDK for JavaScript against a sandbox's CloudWatch, from the environment; PROTOCOL=cbor: not its usual protocol.
// Prints one line of JSON. It runs beside its node_modules: a copy in .cache/interop/sdk.
import { CloudWatchClient, GetMetricStatisticsCommand, ListMetricsCommand, PutMetricAlarmCommand, DescribeAlarmsCommand,
  DeleteAlarmsCommand, GetMetricDataCommand, paginateGetMetricData, waitUntilAlarmExists } from "@aws-sdk/client-cloudwatch";
import { AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";

const cbor = process.env.PROTOCOL === "cbor";
const watch = new CloudWatchClient({ maxAttempts: 1, ...(cbor ? { protocol: AwsSmithyRpcV2CborProtocol } : {}) });
const types = new Set();
watch.middlewareStack.add((next) => async (args) => {
  types.add(args.request.headers["content-type"]);
  return next(args);
}, { step: "finalizeRequest" });
const Namespace = "AWS/ElastiCache";
const Dimensions = [{ Name: "CacheClusterId", Value: process.env.NODE_ID }, { Name: "CacheNodeId", Value: "0001" }];
const EndTime = new Date(Date.now() + 1000);
const StartTime = new Date(Date.now() - 300_000);
const told = {};

async function fault(call) {
  try {
    await call();
    return "none";
  } catch (error) {
    return `${error.name} ${error.$metadata?.httpStatusCode}`;
  }
}

const one = await watch.send(new GetMetricStatisticsCommand({ Namespace, Dimensions, MetricName: "CurrItems", StartTime, EndTime, Period: 60,
  Statistics: ["Maximum"], ExtendedStatistics: ["p99"] }));
const last = one.Datapoints.sort((a, b) => a.Timestamp - b.Timestamp).at(-1);
told.last = [one.Label, last.Maximum, last.ExtendedStatistics.p99, last.Unit, last.Timestamp instanceof Date, Math.abs(last.Timestamp - Date.now()) < 60_000];

const query = { Id: "a", MetricStat: { Metric: { Namespace, Dimensions, MetricName: "CurrItems" }, Period: 60, Stat: "Maximum" } };
told.pages = [];
for await (const page of paginateGetMetricData({ client: watch }, { MetricDataQueries: [query], StartTime, EndTime: new Date(), MaxDatapoints: 2 })) {
  const [result] = page.MetricDataResults;
  if (told.pages.length < 1) told.pages.push([result.Id, result.Values.length, result.Timestamps[0] > result.Timestamps[1], result.StatusCode]);
}
told.listed = (await watch.send(new ListMetricsCommand({ Namespace, MetricName: "IsMaster", Dimensions: Dimensions.slice(0, 1) }))).Metrics.length;

const alarm = { AlarmName: "from-js", Namespace, MetricName: "CurrItems", Dimensions, Statistic: "Maximum", Period: 60, EvaluationPeriods: 1,
  Threshold: 0.5, ComparisonOperator: "GreaterThanThreshold", TreatMissingData: "notBreaching" };
await watch.send(new PutMetricAlarmCommand(alarm));
await waitUntilAlarmExists({ client: watch, maxWaitTime: 10 }, { AlarmNames: ["from-js"] });
for (;;) {
  const [found] = (await watch.send(new DescribeAlarmsCommand({ AlarmNames: ["from-js"] }))).MetricAlarms;
  told.alarm = [found.StateValue, found.Threshold, found.Period, found.ActionsEnabled, found.StateUpdatedTimestamp instanceof Date];
  if (found.StateValue === "ALARM") break;
  await new Promise((done) => setTimeout(done, 50));
}
told.missing = await fault(() => watch.send(new DeleteAlarmsCommand({ AlarmNames: ["from-js", "none"] })));
told.backwards = await fault(() => watch.send(new GetMetricStatisticsCommand({ Namespace, MetricName: "x", StartTime: EndTime, EndTime: StartTime,
  Period: 60, Statistics: ["Sum"] })));
told.math = await fault(() => watch.send(new GetMetricDataCommand({ MetricDataQueries: [{ Id: "e", Expression: "1 + 1" }], StartTime, EndTime })));
told.wrong = await fault(() => watch.send(new PutMetricAlarmCommand({ ...alarm, DatapointsToAlarm: 2 })));
await watch.send(new DeleteAlarmsCommand({ AlarmNames: ["from-js"] }));
told.left = (await watch.send(new DescribeAlarmsCommand({ AlarmNames: ["from-js"] }))).MetricAlarms.length;
told.types = [...types];
console.log(JSON.stringify(told));
