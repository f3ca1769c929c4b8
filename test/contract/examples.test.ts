// Every example of schemas/ goes through every consumer on this side: the generated reader, the rules, the Native block,
// ClickHouse and its views. The probe's side is gpu-probe/tests/test_schemas.py.
import { globSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recordWriter } from "../../services/adapters/avro/codec.ts";
import { createRecordReader } from "../../services/adapters/avro/reader.ts";
import { loadSchemas, type RecordName } from "../../services/adapters/avro/schemas.ts";
import { clickHouseUsageLog } from "../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { Block } from "../../services/domain/block/block.ts";
import { Intake } from "../../services/domain/block/intake.ts";
import { recordOf } from "../../services/domain/block/record-run.ts";
import { DedupeMemory } from "../../services/domain/dedupe/memory.ts";
import { FIELD_NAMES } from "../../services/domain/event/fields.ts";
import { idTimeMs } from "../../services/domain/event/id.ts";
import { PROOFS } from "../../services/domain/event/record.ts";
import { TRUST_EVERYONE } from "../../services/domain/trust/trust.ts";
import { PROJECT_ROOT } from "../../services/local/paths.ts";
import { HASH_KEY } from "../support/builders/hash-key.ts";
import { TEST_HASH } from "../support/builders/payload-hash.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";
import { guardOf } from "../support/stores/usage-logs.ts";

type Fields = Readonly<Record<string, unknown>>;
interface Example {
  /** Of its schema. */
  readonly version: string;
  readonly file: string;
  readonly record: RecordName;
  readonly id: string;
  readonly fields: Fields;
}

const FOREVER_MS = 2 ** 52;
const examples: readonly Example[] = globSync("schemas/*/examples/*/*.json", { cwd: PROJECT_ROOT })
  .sort()
  .map((file) => {
    const fields = JSON.parse(readFileSync(`${PROJECT_ROOT}${file}`, "utf8")) as Fields;
    const record = file.split("/")[1] as RecordName;
    const version = /\/(v\d+)-/.exec(file)?.[1] ?? "v1";
    return {
      file,
      record,
      version,
      id: String(fields[record === "gpu_totals" ? "totals_id" : "event_id"]),
      fields,
    };
  });
const of = (record: RecordName) => examples.filter((example) => example.record === record);

let database: TestDatabase;
const block = new Block({ block_rows_max: 1_000, block_bytes_max: 1 << 24 }, HASH_KEY);

/**
 * Takes all of them in, each as if the broker had got it a millisecond after the end of its event. Some share an id, so each gets a Kafka
 * partition of its own: the one of its place in the list.
 */
function takeAll(): void {
  const schemas = loadSchemas();
  const intake = new Intake(
    createRecordReader({ schemas }),
    { age_max_ms: FOREVER_MS },
    TRUST_EVERYONE,
    TEST_HASH,
  );
  const memory = new DedupeMemory({ dedupe_hours: FOREVER_MS, dedupe_ids_max: 1_000_000 }, HASH_KEY);
  for (const [partition, { record, version, id, fields }] of examples.entries()) {
    const idName = record === "gpu_totals" ? "totals_id" : "event_id";
    const bytes = Buffer.from(id, "hex");
    const { key, value } = recordWriter(
      schemas.filter((known) => known.version === version),
      record,
    )({ ...fields, [idName]: bytes });
    memory.open(partition, 0);
    intake.take(
      block,
      block.partition(partition, 0),
      recordOf(0, idTimeMs(bytes, 0) + 1, key, value),
      memory,
    );
  }
}

beforeAll(async () => {
  database = await freshDatabase();
  takeAll();
  const log = clickHouseUsageLog(database.open("processor"), systemClock);
  const owned = await log.takeOver([...examples.keys()], "a");
  expect(await log.append(block, guardOf("a", owned))).toEqual({ outcome: "applied" });
});
afterAll(() => database.drop());

it("there are examples of every record", () => {
  expect(new Set(examples.map(({ record }) => record)).size).toBe(3);
});

it("every one is counted", async () => {
  const rejected = await database
    .open("reader")
    .query<{ kafka_partition: number }>(
      "SELECT kafka_partition, reject_code, reject_detail FROM rejected_events",
    );
  const named = rejected.map(({ kafka_partition, ...why }) => ({
    ...why,
    file: examples[kafka_partition]?.file,
  }));
  expect(named).toEqual([]);
  expect([...block.partitions.values()].map(({ counted }) => counted)).toEqual(examples.map(() => 1));
});

it("every event reads back as it was written, whatever hours it was cut into", async () => {
  // quantities are split over the hours, everything else is the same in each of its rows
  const split = new Set(
    "gpu_time_ns gpu_busy_ns communication_ns energy_uj nvlink_tx_bytes nvlink_rx_bytes tokens_in tokens_cached tokens_out batch_steps".split(
      " ",
    ),
  );
  const names = FIELD_NAMES.filter((name) => name !== "event_id");
  const column = (name: string): string => {
    if (name === "started_at" || name === "ended_at") {
      return `toString(toUnixTimestamp64Micro(${name === "started_at" ? "min" : "max"}(e.${name}))) AS ${name}`;
    }
    return `toString(${split.has(name) ? "sum" : "any"}(e.${name})) AS ${name}`;
  };
  const rows = await database
    .open("reader")
    .query<Record<string, string | null>>(
      `SELECT toString(e.kafka_partition) AS example, lower(hex(e.event_id)) AS event_id, ${names.map(column).join(", ")} FROM events AS e GROUP BY e.event_id, e.kafka_partition`,
    );
  const stored = new Map(rows.map(({ example, ...row }) => [examples[Number(example)]?.file, row]));
  for (const { file, fields } of of("gpu_time_event")) {
    // the absent text is the empty one in ClickHouse, the absent number is NULL
    // of version 1 the quality is assumed
    const busy_quality = fields["gpu_busy_ns"] === null ? "elapsed" : "sampled";
    const measured = Object.entries({ busy_quality, ...fields }).filter(([name]) => !(name in PROOFS));
    const expected = measured.map(([name, value]) => {
      if (value !== null) return [name, String(value)];
      return [name, ["user_id", "container_id", "mig_profile"].includes(name) ? "" : null];
    });
    expect(stored.get(file), file).toEqual(Object.fromEntries(expected));
  }
});

it("totals and voids read back under their ids", async () => {
  const reader = database.open("reader");
  const totals = await reader.query(
    `SELECT lower(hex(totals_id)) AS id, toString(wall_time_ns) AS wall, toString(busy_ns) AS busy,
       toString(unmetered_ns) AS unmetered, busy_quality AS quality, unmetered_processes AS processes,
       parked_models AS models, toString(energy_parked_uj) AS parked
     FROM gpu_totals ORDER BY kafka_partition`,
  );
  const said = (value: unknown): string | null => ((value ?? null) === null ? null : String(value));
  expect(totals).toEqual(
    of("gpu_totals").map(({ id, fields }) => ({
      id,
      wall: String(fields["wall_time_ns"]),
      busy: said(fields["busy_ns"]),
      unmetered: said(fields["unmetered_ns"]),
      quality: fields["busy_quality"] ?? "elapsed",
      processes: fields["unmetered_processes"] ?? "",
      models: fields["parked_models"] ?? "",
      parked: String(fields["energy_parked_uj"] ?? 0),
    })),
  );
  const voids = await reader.query(
    "SELECT lower(hex(event_id)) AS id, reason FROM event_voids ORDER BY kafka_partition",
  );
  expect(voids).toEqual(of("event_void").map(({ id, fields }) => ({ id, reason: fields["reason"] })));
});
