// What a card can do in the event's time, on both sides of each bound. The bounds are written out here a second time, in whole numbers.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecordReader } from "../../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import { validateTotals } from "../../../../services/domain/block/validate-other.ts";
import { EventRecord } from "../../../../services/domain/event/record.ts";
import { validateEvent } from "../../../../services/domain/event/validate.ts";
import { encodeEvent, encodeTotals, makeEvent, makeTotals } from "../../../support/builders/events.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12, 30);
const DAY_US = 86_400_000_000;
const AGE = { age_max_ms: 2 * 86_400_000 };
const UINT32 = 2 ** 32 - 1;
const QUANTITY = 2 ** 52;
const reader = createRecordReader({ schemas: loadSchemas() });

type Fields = Readonly<Record<string, unknown>>;

/** The code that a record is refused with, through the bytes that it travels as. */
function codeOf({ value }: { readonly value: Uint8Array }): string | undefined {
  const bytes = Uint8Array.from(value);
  const event = new EventRecord();
  const read = reader.read(bytes, new DataView(bytes.buffer), 0, bytes.length, event);
  if (read.type === "totals") return validateTotals(read.totals, NOW_MS, AGE)?.code;
  expect(read.type).toBe("event");
  return validateEvent(event, NOW_MS, AGE)?.code;
}

/** An event of this span that does nothing but what is said. */
const judged = (span_us: number, changes: Fields): string | undefined =>
  codeOf(
    encodeEvent(
      makeEvent(NOW_MS, "bound", {
        started_at: NOW_MS * 1000 - span_us,
        gpu_time_ns: 0,
        gpu_busy_ns: 0,
        energy_uj: null,
        power_avg_mw: null,
        power_peak_mw: null,
        tokens_in: 0,
        tokens_out: 0,
        batch_steps: 0,
        ...changes,
      }),
    ),
  );

const microseconds = (span_us: number): bigint => BigInt(span_us) + 10_000_000n;
const overTime = (rate: bigint) => (span_us: number) => Number(rate * microseconds(span_us));

interface Bound {
  readonly field: string;
  readonly with: Fields;
  readonly code: string;
  /** By the span in microseconds. */
  readonly max: (span_us: number) => number;
  /** Largest value of the field, where the range ends before the bound. */
  readonly range: number;
}
const time = (field: string, code: string): Bound => ({
  field,
  with: { busy_quality: "counter" },
  code,
  max: (span_us) => span_us * 1001 + 1_000_000,
  range: QUANTITY,
});
const counted = (field: string, rate: bigint, code: string, range = UINT32): Bound => ({
  field,
  with: {},
  code,
  max: overTime(rate),
  range,
});
const power = (field: string, limit: number | null, max: number): Bound => ({
  field,
  with: { power_limit_mw: limit },
  code: "EVENT_POWER_EXCEEDS_CARD",
  max: () => max,
  range: UINT32,
});
const energy = (limit: number | null, watts: bigint): Bound => ({
  field: "energy_uj",
  with: { power_limit_mw: limit },
  code: "EVENT_ENERGY_EXCEEDS_POWER",
  max: overTime(watts),
  range: QUANTITY,
});
const memory = (field: string, total: number, max: number): Bound => ({
  field,
  with: { memory_total_bytes: total, memory_peak_bytes: 0 },
  code: "EVENT_MEMORY_EXCEEDS_CARD",
  max: () => max,
  range: QUANTITY,
});
const BOUNDS: readonly Bound[] = [
  time("gpu_time_ns", "EVENT_GPU_TIME_EXCEEDS_SPAN"),
  time("gpu_busy_ns", "EVENT_BUSY_TIME_EXCEEDS_SPAN"),
  energy(700_000, 4_200n),
  energy(72_000, 432n),
  energy(4_000_000, 10_000n),
  energy(null, 10_000n),
  energy(0, 10_000n),
  power("power_avg_mw", 700_000, 4_200_000),
  power("power_peak_mw", 700_000, 4_200_000),
  power("power_peak_mw", 4_000_000, 10_000_000),
  power("power_avg_mw", null, 10_000_000),
  power("power_limit_mw", null, 10_000_000),
  memory("memory_peak_bytes", 80 * 2 ** 30, 160 * 2 ** 30),
  memory("memory_peak_bytes", 0, 2 ** 45),
  memory("memory_total_bytes", 0, 2 ** 45),
  counted("nvlink_tx_bytes", 3_600_000n, "EVENT_NVLINK_EXCEEDS_LINK", QUANTITY),
  counted("nvlink_rx_bytes", 3_600_000n, "EVENT_NVLINK_EXCEEDS_LINK", QUANTITY),
  counted("tokens_in", 45n, "EVENT_TOKENS_EXCEED_SPAN"),
  counted("tokens_cached", 45n, "EVENT_TOKENS_EXCEED_SPAN"),
  counted("tokens_out", 45n, "EVENT_TOKENS_EXCEED_SPAN"),
  counted("batch_steps", 1n, "EVENT_STEPS_EXCEED_SPAN"),
  {
    field: "batch_size_avg_milli",
    with: {},
    code: "EVENT_BATCH_SIZE_RANGE",
    max: () => 1_000_000_000,
    range: UINT32,
  },
];
const named = BOUNDS.map((bound) => ({ ...bound, text: JSON.stringify(bound.with) }));

describe("an event of any span", () => {
  it.each(named)("$field with $text: up to its bound, and nothing beyond", ({ max, range, ...bound }) => {
    const span = fc.oneof(fc.constantFrom(0, 1, DAY_US), fc.integer({ min: 0, max: DAY_US }));
    // small distances are likelier: it is the last unit that counts
    const distance = fc.oneof(fc.nat(2), fc.nat(10 ** 6), fc.nat(QUANTITY));
    fc.assert(
      fc.property(span, distance, (span_us, off) => {
        const most = Math.min(max(span_us), range);
        const within = { ...bound.with, [bound.field]: Math.max(0, most - off) };
        expect(judged(span_us, within)).toBeUndefined();
        const beyond = max(span_us) + 1 + off;
        if (beyond <= range) {
          expect(judged(span_us, { ...bound.with, [bound.field]: beyond })).toBe(bound.code);
        }
      }),
    );
  });
});

describe("totals of any span", () => {
  const BASE = {
    wall_time_ns: 0,
    attributed_ns: 0,
    operator_ns: 0,
    idle_ns: 0,
    unattributed_ns: 0,
    busy_ns: null,
    busy_attributed_ns: null,
    busy_operator_ns: null,
    unmetered_ns: null,
    busy_quality: "elapsed",
    energy_uj: null,
    energy_attributed_uj: null,
    energy_operator_uj: null,
    energy_idle_uj: null,
    energy_parked_uj: null,
    energy_unmetered_uj: null,
    steps: 0,
  };
  const judgedTotals = (span_us: number, changes: Fields) =>
    codeOf(
      encodeTotals(makeTotals(NOW_MS, "bound", { started_at: NOW_MS * 1000 - span_us, ...BASE, ...changes })),
    );
  const parts = (value: number) => ({ busy_attributed_ns: value, busy_operator_ns: 0, unmetered_ns: 0 });
  const energies = Object.keys(BASE).filter((field) => field.startsWith("energy_"));
  const cases: [string, string, (value: number) => Fields, (span_us: number) => number][] = [
    [
      "wall_time_ns",
      "TOTALS_TIME_EXCEEDS_SPAN",
      (value) => ({ wall_time_ns: value, idle_ns: value }),
      (span_us) => span_us * 1001 + 1_000_000,
    ],
    [
      "busy_ns",
      "TOTALS_TIME_EXCEEDS_SPAN",
      (value) => ({ busy_ns: value, busy_quality: "counter", ...parts(value) }),
      (span_us) => (span_us + 1_000_000) * 1001 + 1_000_000,
    ],
    ["steps", "TOTALS_STEPS_EXCEED_SPAN", (value) => ({ steps: value }), overTime(1n)],
    ...energies.map((field): (typeof cases)[number] => [
      field,
      "TOTALS_ENERGY_EXCEEDS_POWER",
      (value) => ({ [field]: value }),
      overTime(10_000n),
    ]),
  ];

  it.each(cases)("%s: up to its bound, and nothing beyond (%s)", (_field, code, fields, max) => {
    fc.assert(
      fc.property(fc.nat(60_000_000), fc.oneof(fc.nat(2), fc.nat(10 ** 12)), (span_us, off) => {
        expect(judgedTotals(span_us, fields(Math.max(0, max(span_us) - off)))).toBeUndefined();
        expect(judgedTotals(span_us, fields(max(span_us) + 1 + off))).toBe(code);
      }),
    );
  });
});
