import { expect, it } from "vitest";
import { type TopicSettings, topicFaults } from "../../../../services/adapters/kafka/topic-settings.ts";

const GOOD: TopicSettings = {
  "message.timestamp.type": "LogAppendTime",
  "retention.ms": "604800000",
  "retention.bytes": "-1",
  "cleanup.policy": "delete",
  "min.insync.replicas": "2",
  "max.message.bytes": "1048588",
  replicas: "3",
};
const faulty = (changes: Partial<TopicSettings>) =>
  topicFaults({ ...GOOD, ...changes }, 4_194_304).map(({ setting }) => setting);

it.each<[Partial<TopicSettings>, string[]]>([
  [{}, []],
  [{ "message.timestamp.type": "CreateTime" }, ["message.timestamp.type"]],
  [{ "retention.ms": "86400000" }, ["retention.ms"]],
  [{ "retention.ms": "-1" }, []],
  [{ "retention.bytes": "1000000" }, ["retention.bytes"]],
  [{ "cleanup.policy": "compact,delete" }, ["cleanup.policy"]],
  [{ "min.insync.replicas": "1" }, ["min.insync.replicas"]],
  [{ "min.insync.replicas": "1", replicas: "1" }, []],
  [{ "min.insync.replicas": "4" }, ["min.insync.replicas"]],
  [{ "max.message.bytes": "5000000" }, ["max.message.bytes"]],
])("finds what is wrong with a topic: %j", (changes, expected) => {
  expect(faulty(changes)).toEqual(expected);
});
