// meterhouse topic ensure: makes the topic of events where it is missing, and says who may use it.
import { type Command, command, Faults } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { flag, otherwise, read, whole } from "../adapters/command/options.ts";
import type { Config } from "../adapters/config/config.ts";
import { duration } from "../adapters/config/fields.ts";
import { grant, type Principals, strangersOf, wantedRights } from "../adapters/kafka/acls.ts";
import { ensureTopic, topicDifferences } from "../adapters/kafka/admin.ts";
import type { connectedKafka } from "../adapters/kafka/client.ts";
import type { TopicOptions } from "../adapters/kafka/topic-config.ts";
import { PARTITIONS_MAX } from "../domain/log/generations.ts";
import { TOPIC_FIELDS } from "./config.ts";

const DAY_MS = 86_400_000;
const RECORD_BYTES_MAX = 1_048_576;
const PRINCIPAL = /^\w+:[^,\s]+$/;

export interface TopicEnsure {
  readonly kind: "ensure";
  readonly options: Omit<TopicOptions, "topic">;
  /** Absent: ACLs are left alone. */
  readonly principals?: Principals;
}

const principals = (name: keyof Principals, help: string) =>
  read(
    `--${name} <principals>`,
    `with --acl: ${help}, such as User:${name}; several with commas`,
    (raw): readonly string[] | null => {
      const names = raw.split(",").map((one) => one.trim());
      return names.every((one) => PRINCIPAL.test(one)) ? names : null;
    },
    "is no list of principals such as User:name",
  );

const retention = read(
  "--retention <duration>",
  "how long the brokers keep records, such as 7d",
  (raw): number | null => {
    const parsed = duration("METERHOUSE_RETENTION").parse(raw);
    return parsed.ok ? parsed.value : null;
  },
  "is no duration such as 36h or 7d",
);

export const TOPIC_ENSURE_COMMAND: Command<TopicEnsure> = command({
  name: "topic ensure",
  help: "Make the topic of events if it is missing; with --acl, give each process its rights on it.",
  settings: TOPIC_FIELDS,
  options: {
    partitions: otherwise(
      whole("--partitions <n>", "partitions; they never change later", { min: 1, max: PARTITIONS_MAX }),
      8,
    ),
    replication: otherwise(whole("--replication <n>", "copies of each partition", { min: 1, max: 15 }), 3),
    insync: otherwise(whole("--min-insync <n>", "copies that must hold a record", { min: 1, max: 15 }), 2),
    retention: otherwise(retention, 7 * DAY_MS),
    acl: flag("--acl", "give rights to the principals below, and report everybody else's"),
    probe: principals("probe", "may write and describe the topic"),
    pricing: principals("pricing", "may write and describe the topic"),
    processor: principals("processor", "may read and describe the topic, and read its group"),
    settlement: principals("settlement", "may describe the topic"),
    jobs: principals("jobs", "may describe the topic"),
  },
  read({ acl, partitions, replication, insync, retention: retentionMs, ...named }) {
    const who = {
      probe: named.probe ?? [],
      pricing: named.pricing ?? [],
      processor: named.processor ?? [],
      settlement: named.settlement ?? [],
      jobs: named.jobs ?? [],
    };
    const isNamed = Object.values(who).some((names) => names.length > 0);
    const problems = [
      ...(insync > replication ? ["--min-insync is more than --replication"] : []),
      ...(acl && !isNamed ? ["--acl needs principals, such as --probe User:probe"] : []),
      ...(!acl && isNamed ? ["principals are given without --acl"] : []),
    ];
    if (problems.length > 0) return new Faults(...problems);
    const options = {
      partitions,
      replicas: replication,
      insyncMin: insync,
      retentionMs,
      recordBytesMax: RECORD_BYTES_MAX,
    };
    return { kind: "ensure" as const, options, ...(acl ? { principals: who } : {}) };
  },
});

type Kafka = Awaited<ReturnType<typeof connectedKafka>>;

/** Answers the exit code; what was done, and what is not as it should be, goes to `print`. */
export async function ensure(
  kafka: Kafka,
  { topic, consumer_group: group }: Pick<Config<typeof TOPIC_FIELDS>, "topic" | "consumer_group">,
  { options, principals: who }: TopicEnsure,
  print: (line: string) => void,
): Promise<number> {
  const wanted = { ...options, topic };
  const isMade = await ensureTopic(kafka, wanted);
  print(isMade ? `${topic} is made, with ${options.partitions} partitions` : `${topic} is there`);
  const differences = isMade ? [] : await topicDifferences(kafka, wanted);
  for (const difference of differences) print(`${topic}: ${difference}`);
  if (who === undefined) return differences.length === 0 ? EXIT.done : EXIT.failed;
  const rights = wantedRights(who, topic, group);
  await grant(kafka, rights);
  for (const { principal, operation, resource, name } of rights) {
    print(`${principal} may ${operation} ${resource} ${name}`);
  }
  const strangers = await strangersOf(kafka, topic, rights);
  for (const stranger of strangers) print(`${stranger} has a right on ${topic} that no option names`);
  return differences.length + strangers.length === 0 ? EXIT.done : EXIT.failed;
}
