// Records into a topic of their own, the processor's settings for it, and what is then in usage_log of a database.
import { randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import { type ClickHouse, openClickHouse } from "../../../services/adapters/clickhouse/client.ts";
import { clickHouseUsageLog } from "../../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../../services/adapters/clock/clock.ts";
import { ensureTopic } from "../../../services/adapters/kafka/admin.ts";
import { openKafka } from "../../../services/adapters/kafka/client.ts";
import {
  type OutgoingRecord,
  openProducer,
  type RecordProducer,
} from "../../../services/adapters/kafka/producer.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import type { EncodedRecord } from "../../../services/domain/ports/records.ts";
import type { Users } from "../../../services/local/roles.ts";
import { CORRECTION_KEY } from "../builders/trust.ts";
import { eventually } from "../checks/eventually.ts";
import { type Environment, killProcessors, ProcessorProcess } from "../stack/processor-process.ts";
import { type DatabaseOptions, databaseOfTest, sharedStack } from "../stack/stack.ts";

const RECORD_BYTES_MAX = 4 << 20;
const DAY_MS = 86_400_000;

export interface FlowTarget {
  readonly kafkaBrokers: readonly string[];
  readonly clickhouseUrl: string;
  readonly users: Users;
  readonly database: string;
  /** As `migrate`, who may read everything of the database. */
  readonly admin: ClickHouse;
}

/** The account over all batches. */
export interface Totals {
  readonly received: number;
  readonly counted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: number;
}

export class Flow {
  readonly topic: string;
  readonly target: FlowTarget;
  readonly kafka: ReturnType<typeof openKafka>;
  private readonly producer: RecordProducer;
  private readonly started: ProcessorProcess[] = [];

  private constructor(target: FlowTarget, topic: string, kafka: Flow["kafka"], producer: RecordProducer) {
    this.target = target;
    this.topic = topic;
    this.kafka = kafka;
    this.producer = producer;
  }

  /** With a topic of its own, unless another flow's is named. */
  static async open(
    target: FlowTarget,
    { partitions = 4, topic = `events-${randomUUID()}` } = {},
  ): Promise<Flow> {
    const log = createLog({ level: "silent", name: "test" });
    const kafka = openKafka({ brokers: target.kafkaBrokers, clientId: "test", log });
    await ensureTopic(kafka, {
      topic,
      partitions,
      replicas: 1,
      retentionMs: DAY_MS,
      recordBytesMax: RECORD_BYTES_MAX,
    });
    return new Flow(target, topic, kafka, await openProducer(kafka, topic));
  }

  async close(): Promise<void> {
    await this.producer.close();
  }

  async send(records: readonly (OutgoingRecord | EncodedRecord)[]): Promise<void> {
    await this.producer.send(records);
  }

  /** Settings for a processor of this flow; quick, so that tests are. */
  environment(changes: Environment = {}): Environment {
    const { kafkaBrokers, clickhouseUrl, users, database } = this.target;
    return {
      METERHOUSE_KAFKA_BROKERS: kafkaBrokers.join(),
      METERHOUSE_TOPIC: this.topic,
      METERHOUSE_CONSUMER_GROUP: `${database}-${this.topic}`,
      METERHOUSE_CLICKHOUSE_URL: clickhouseUrl,
      METERHOUSE_CLICKHOUSE_DATABASE: database,
      METERHOUSE_CLICKHOUSE_USER: users.processor.user,
      METERHOUSE_CLICKHOUSE_PASSWORD: users.processor.password,
      METERHOUSE_CORRECTION_KEY: CORRECTION_KEY,
      METERHOUSE_FLUSH: "50ms",
      METERHOUSE_SESSION_TIMEOUT: "6s",
      ...changes,
    };
  }

  start(changes: Environment = {}): ProcessorProcess {
    const processor = new ProcessorProcess(this.environment(changes));
    this.started.push(processor);
    return processor;
  }

  async query<Row extends object>(
    sql: string,
    params: Readonly<Record<string, unknown>> = {},
  ): Promise<Row[]> {
    return this.target.admin.query<Row>(sql, params);
  }

  async totals(): Promise<Totals> {
    const [row] = await this.query<Record<keyof Totals, string>>(
      `SELECT sum(b.received) AS received, sum(b.counted) AS counted, sum(b.duplicates) AS duplicates,
         sum(b.conflicts) AS conflicts, sum(b.rejected) AS rejected FROM batches AS b`,
    );
    return Object.fromEntries(
      Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]),
    ) as unknown as Totals;
  }

  /** Resolves once so many records are accounted for. */
  async received(records: number, { withinMs = 30_000 } = {}): Promise<Totals> {
    let last: Totals | undefined;
    try {
      return await eventually(
        "records accounted for",
        async () => {
          if (this.started.length > 0 && this.started.every((processor) => processor.hasFailed())) {
            throw new Error("every processor has failed");
          }
          // the server may be down in the middle of a test
          last = (await this.totals().catch(() => undefined)) ?? last;
          return last !== undefined && last.received >= records ? last : undefined;
        },
        { withinMs },
      );
    } catch {
      const tails = this.started.map((processor) => processor.tail());
      const count = `not ${records} records within ${withinMs} ms, but ${JSON.stringify(last)}`;
      throw new Error([count, ...tails].join("\n\n"));
    }
  }

  /** As a new owner of these partitions: whatever an older one had on its way is in the log by then, or never will be. */
  async takeOver(partitions: readonly number[]): Promise<void> {
    const { clickhouseUrl: url, database, users } = this.target;
    const client = openClickHouse({ url, database, ...users.processor });
    try {
      await clickHouseUsageLog(client, systemClock).takeOver(partitions, "a test");
    } finally {
      await client.close();
    }
  }

  /** Every insert stays the part that it was written as, also over restarts of the server. */
  async keepParts(): Promise<void> {
    await this.target.admin.command(
      "ALTER TABLE usage_log MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1",
    );
  }
}

/** A topic and a database of the calling test's own on the shared stack; both gone, and no processor left, when it is over. */
export async function sharedFlow(options: { partitions?: number } & DatabaseOptions = {}): Promise<Flow> {
  const database = await databaseOfTest(options);
  const { kafkaBrokers, clickhouseUrl, users } = sharedStack();
  const admin = database.open("migrate");
  const target = { kafkaBrokers, clickhouseUrl, users, database: database.name, admin };
  const flow = await Flow.open(target, options);
  onTestFinished(async () => {
    await killProcessors();
    await flow.close();
  });
  return flow;
}
