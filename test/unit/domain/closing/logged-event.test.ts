// P5: what is in the log gives the bytes that came again, so that a changed event is found by name and without Kafka.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventHasher } from "../../../../services/adapters/avro/event-hash.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import {
  EVENT_TEXT_FIELDS,
  type EventFields,
  type EventRow,
  isAsCounted,
  QUANTITY_FIELDS,
  wholeEvent,
} from "../../../../services/domain/closing/logged-event.ts";
import { hashNumber, unkeyedHash } from "../../../../services/domain/event/payload-hash.ts";
import { ENUMS } from "../../../../services/domain/event/record.ts";
import { isCleanText } from "../../../../services/domain/event/text.ts";
import { encodeEvent, encodeEventV1, makeEvent, uuidV7 } from "../../../support/builders/events.ts";
import { TEST_HASH } from "../../../support/builders/payload-hash.ts";
import type { PlainRow } from "../../../support/doubles/plain-rows.ts";
import { HOUR_MS, NOW_MS, TestIntake } from "../../../support/flows/intake.ts";

const hashesOf = eventHasher(loadSchemas(), TEST_HASH);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const HEADER = 10;
const CONFLUENT_V3 = 4;
type Quality = (typeof ENUMS)["busy_quality"][number];

/** Rows of a block as they come back from the server. */
function eventRow(row: PlainRow): EventRow {
  const text = (value: unknown) => (value instanceof Uint8Array ? decoder.decode(value) : String(value));
  const fields = [
    ...EVENT_TEXT_FIELDS.map((name) => [name, text(row[name])]),
    ...QUANTITY_FIELDS.map((name) => [name, row[name] === null ? null : BigInt(row[name] as number)]),
  ];
  return {
    event_id: String(row.event_id),
    hour: Number(row.hour),
    home: row.home === 1,
    kafka_partition: Number(row.kafka_partition),
    kafka_offset: row.kafka_offset as bigint,
    payload_hash: ((row.payload_hash_high as bigint) << 64n) | (row.payload_hash as bigint),
    fields: Object.fromEntries(fields) as EventFields,
  };
}

/** What the log has of an event; the processor must have taken it. */
function logged(fields: ReturnType<typeof makeEvent>, isConfluent = false, isOld = false): EventRow[] {
  const intake = new TestIntake({ block_rows_max: 50 });
  const { key, value } = (isOld ? encodeEventV1 : encodeEvent)(fields);
  const id = Buffer.from([0, 0, 0, 0, isOld ? 1 : CONFLUENT_V3]);
  const confluent = Buffer.concat([id, value.subarray(HEADER)]);
  if (!intake.send({ key, value: isConfluent ? confluent : value })) intake.takeLate();
  expect(intake.rows("rejected")).toEqual([]);
  return intake.rows("event").map(eventRow);
}

const text = fc
  .oneof(fc.constantFrom("a", "ünïcode 😀", "x".repeat(128)), fc.string({ minLength: 1, maxLength: 30 }))
  .filter((it) => isCleanText(Buffer.from(it), 0, Buffer.byteLength(it)));
/** What a card of 100 W can do in no time at all and between two readings. */
const COUNT_MAX = 10_000_000;
const ENERGY_MAX_UJ = 6_000_000_000;
const POWER_MAX_MW = 600_000;
const MEMORY_MAX_BYTES = 2 ** 45;
const upTo = (max: number) => fc.oneof(fc.nat(9), fc.nat(1_000), fc.integer({ min: 0, max }));
const count = upTo(COUNT_MAX);
const enums = Object.fromEntries(
  Object.entries(ENUMS).map(([name, symbols]) => [name, fc.constantFrom(...symbols)]),
);

/** Valid events of at most 24 hours, with any nullable null; half of them cross an hour. */
const events = fc
  .record({
    endedAtUs: fc.integer({ min: (NOW_MS - 2 * HOUR_MS) * 1000, max: NOW_MS * 1000 }),
    spanUs: fc.oneof(fc.constant(0), fc.nat(3_600_000_000), fc.integer({ min: 0, max: 24 * 3_600_000_000 })),
    gpuShare: fc.nat(1_000),
    busyShare: fc.option(fc.nat(1_000)),
    communicationShare: fc.nat(1_000),
    quality: fc.constantFrom(...ENUMS.busy_quality),
    fields: fc.record({
      ...enums,
      session_id: text,
      tenant_id: text,
      project_id: text,
      model: text,
      node: text,
      user_id: fc.option(text),
      container_id: fc.option(text),
      mig_profile: fc.option(text),
      sequence: count,
      memory_peak_bytes: upTo(MEMORY_MAX_BYTES),
      memory_total_bytes: fc.integer({ min: MEMORY_MAX_BYTES / 2, max: MEMORY_MAX_BYTES }),
      energy_uj: fc.option(upTo(ENERGY_MAX_UJ)),
      power_avg_mw: fc.option(upTo(POWER_MAX_MW)),
      power_peak_mw: fc.option(upTo(POWER_MAX_MW)),
      power_limit_mw: fc.option(fc.integer({ min: 100_000, max: 10_000_000 })),
      nvlink_tx_bytes: fc.option(upTo(2 ** 45)),
      nvlink_rx_bytes: fc.option(upTo(2 ** 45)),
      tokens_in: count,
      tokens_cached: count,
      tokens_out: count,
      batch_steps: count,
      batch_size_avg_milli: count,
    }),
  })
  .map(({ endedAtUs, spanUs, gpuShare, busyShare, communicationShare, quality, fields }) => {
    const gpu_time_ns = spanUs * gpuShare;
    const part = (share: number) =>
      share === 1_000 ? gpu_time_ns : Math.floor((gpu_time_ns * share) / 1_000);
    const endedAtMs = Math.floor(endedAtUs / 1000);
    return makeEvent(endedAtMs, "any", {
      ...fields,
      busy_quality: busyShare === null ? ("elapsed" satisfies Quality) : quality,
      event_id: uuidV7(endedAtMs, "any"),
      started_at: endedAtUs - spanUs,
      ended_at: endedAtUs,
      gpu_time_ns,
      gpu_busy_ns: busyShare === null ? null : part(quality === "elapsed" ? 1_000 : busyShare),
      communication_ns: part(communicationShare),
    });
  })
  .filter(({ gpu_time_ns }) => Number(gpu_time_ns) <= 2 ** 52);

const CROSSING = makeEvent(NOW_MS, "crossing", {
  started_at: (NOW_MS - 2 * HOUR_MS) * 1000 - 7,
  gpu_time_ns: 1_000_000_007,
  gpu_busy_ns: 900_000_001,
  communication_ns: 101,
  tokens_out: 5,
});

describe("an event's rows", () => {
  it("of before hash without a key, and no row with a key passes for one of before", () => {
    const { key, value } = encodeEvent(CROSSING);
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    // the body before its two absent proofs
    const payload_hash = hashNumber(unkeyedHash(view, HEADER, value.length - 2));
    const rows = logged(CROSSING);
    expect(key).toHaveLength(16);
    expect(
      isAsCounted(
        rows.map((row) => ({ ...row, payload_hash })),
        hashesOf,
      ),
    ).toBe(true);
    const cut = rows.map((row) => ({ ...row, payload_hash: row.payload_hash & (2n ** 64n - 1n) }));
    expect(isAsCounted(cut, hashesOf)).toBe(false);
  });

  it("hash as its bytes did, whatever it holds and however many hours it crosses", {
    timeout: 60_000,
  }, () => {
    let split = 0;
    fc.assert(
      fc.property(events, fc.boolean(), fc.boolean(), (event, isConfluent, isOld) => {
        const rows = logged(event, isConfluent, isOld);
        if (rows.length > 1) split += 1;
        expect(isAsCounted(rows, hashesOf)).toBe(true);
        expect(isAsCounted(rows.toReversed(), hashesOf)).toBe(true);
      }),
      { numRuns: 150 },
    );
    expect(split).toBeGreaterThan(10);
  });

  it.each([
    ["1", true],
    ["2", false],
  ])("of version %s do not, if any field of any row is another", (_version, isOld) => {
    const rows = logged(CROSSING, false, isOld);
    expect(rows).toHaveLength(3);
    expect(isAsCounted(rows, hashesOf)).toBe(true);
    const names = [...EVENT_TEXT_FIELDS, ...QUANTITY_FIELDS];
    for (const at of rows.keys()) {
      for (const name of names) {
        const other = (value: string | bigint | null) => {
          if (value === null) return 1n;
          return typeof value === "bigint" ? value + 1n : `${value}x`;
        };
        const changed = rows.map((row, index) =>
          index === at ? { ...row, fields: { ...row.fields, [name]: other(row.fields[name]) } } : row,
        );
        expect(isAsCounted(changed, hashesOf), `${name} of row ${at}`).toBe(false);
      }
    }
  });

  it("do not, if one is gone, moved to another hour, or marked as another part", () => {
    const rows = logged(CROSSING);
    const change = (at: number, changes: Partial<EventRow>) =>
      rows.map((row, index) => (index === at ? { ...row, ...changes } : row));
    for (const at of rows.keys()) {
      const row = rows[at] as EventRow;
      expect(isAsCounted(rows.toSpliced(at, 1), hashesOf)).toBe(false);
      expect(isAsCounted(change(at, { hour: row.hour + 3600 }), hashesOf)).toBe(false);
      expect(isAsCounted(change(at, { home: !row.home }), hashesOf)).toBe(false);
      expect(isAsCounted(change(at, { kafka_offset: 7n }), hashesOf)).toBe(false);
      expect(isAsCounted(change(at, { payload_hash: row.payload_hash ^ 1n }), hashesOf)).toBe(false);
    }
    expect(isAsCounted([], hashesOf)).toBe(false);
  });

  it("do not, if time is moved from one hour to another, though the sum is the same", () => {
    const rows = logged(CROSSING).map((row, at) => {
      const moved = at === 0 ? -1n : at === 1 ? 1n : 0n;
      return { ...row, fields: { ...row.fields, gpu_time_ns: (row.fields.gpu_time_ns ?? 0n) + moved } };
    });
    expect(wholeEvent(rows)).toBe(null);
  });

  it("do not, if their busy time is said to be better known than it was", () => {
    for (const isOld of [true, false]) {
      const claimed = logged(CROSSING, false, isOld).map((row) => ({
        ...row,
        fields: { ...row.fields, busy_quality: "counter" },
      }));
      expect(isAsCounted(claimed, hashesOf)).toBe(false);
    }
  });

  it("with what no event can hold are no event", () => {
    const [row] = logged(makeEvent(NOW_MS, "one"));
    if (row === undefined) throw new Error("it was not taken");
    const beyond = { ...row, fields: { ...row.fields, gpu_time_ns: 2n ** 64n - 1n } };
    const nobody = { ...row, fields: { ...row.fields, sharing: "none" } };
    expect([
      isAsCounted([row], hashesOf),
      isAsCounted([beyond], hashesOf),
      isAsCounted([nobody], hashesOf),
    ]).toEqual([true, false, false]);
  });
});
