import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BUSY, EventRecord, NUMBERS, type NumberField } from "../../../../services/domain/event/record.ts";
import {
  WINDOW_SUMS,
  type WindowCount,
  type WindowKey,
  type WindowSum,
  WindowSums,
} from "../../../../services/domain/window/sums.ts";
import { HASH_KEY } from "../../../support/builders/hash-key.ts";

const LARGEST = 2 ** 52;
const FIELDS = [
  "gpu_time_ns",
  "gpu_busy_ns",
  "communication_ns",
  "memory_peak_bytes",
  "energy_uj",
  "power_avg_mw",
  "power_peak_mw",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
  "tokens_in",
  "tokens_cached",
  "tokens_out",
  "batch_steps",
] as const satisfies readonly NumberField[];
const NULLABLE: readonly NumberField[] = [
  "gpu_busy_ns",
  "energy_uj",
  "power_avg_mw",
  "power_peak_mw",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
];
type Numbers = Record<(typeof FIELDS)[number] | "busy_quality", number | null>;
type Sums = Record<WindowSum, bigint>;

const largeOrSmall = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 26 - 1, 2 ** 26, 2 ** 32 - 1, LARGEST - 1, LARGEST),
  fc.integer({ min: 0, max: LARGEST }),
);
const numbers: fc.Arbitrary<Numbers> = fc
  .record({
    busy_quality: fc.constantFrom(BUSY.elapsed, BUSY.sampled, BUSY.counter),
    ...Object.fromEntries(
      FIELDS.map((field) => [field, NULLABLE.includes(field) ? fc.option(largeOrSmall) : largeOrSmall]),
    ),
  } as { [F in keyof Numbers]: fc.Arbitrary<number | null> })
  // what is measured is there; an elapsed busy time may be
  .map((values) => (values.gpu_busy_ns === null ? { ...values, busy_quality: BUSY.elapsed } : values));

const event = new EventRecord();
function filled(values: Numbers): EventRecord {
  event.numbers.fill(Number.NaN);
  for (const field of [...FIELDS, "busy_quality"] as const) {
    event.numbers[NUMBERS[field]] = values[field] ?? Number.NaN;
  }
  return event;
}

const noSums = (): Sums => Object.fromEntries(WINDOW_SUMS.map((name) => [name, 0n])) as Sums;

/** Adds up in bigints, one after the other: the obvious way. */
function addTo(sums: Sums, values: Numbers, events: number): void {
  const value = (field: keyof Numbers): bigint => BigInt(values[field] ?? 0);
  const time = value("gpu_time_ns");
  sums.events += BigInt(events);
  if (values.busy_quality !== BUSY.elapsed) {
    sums.gpu_busy_known_ns += time;
    sums.gpu_busy_ns += value("gpu_busy_ns");
  }
  if (values.busy_quality === BUSY.counter) sums.gpu_busy_counter_ns += time;
  sums.memory_time_byte_ns += time * value("memory_peak_bytes");
  sums.power_avg_time_mw_ns += time * value("power_avg_mw");
  sums.power_peak_time_mw_ns += time * value("power_peak_mw");
  for (const field of FIELDS) {
    if (field in sums && field !== "gpu_busy_ns") sums[field as WindowSum & keyof Numbers] += value(field);
  }
}

const inOrder = (sums: Sums): bigint[] => WINDOW_SUMS.map((name) => sums[name]);

const key = (changes: Partial<WindowKey> = {}): WindowKey => ({
  hour: 497_000,
  tenant: 1,
  project: 2,
  model: 3,
  gpuModel: 4,
  sharing: 1,
  phase: 3,
  outcome: 1,
  ...changes,
});
describe("WindowSums", () => {
  it("adds up as bigints do, up to the largest quantities and products, nulls left out", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(numbers, fc.nat(1)), { minLength: 1, maxLength: 40 }), (events) => {
        const windows = new WindowSums(HASH_KEY);
        const expected = noSums();
        for (const [values, count] of events) {
          windows.addEvent(windows.find(key()), filled(values), count);
          addTo(expected, values, count);
        }
        expect(windows.windows()).toEqual([{ ...key(), sums: inOrder(expected) }]);
      }),
    );
  });

  it("stays exact far beyond 2^53", () => {
    const windows = new WindowSums(HASH_KEY);
    const expected = noSums();
    const largest = {
      ...Object.fromEntries(FIELDS.map((field) => [field, LARGEST - 1])),
      busy_quality: BUSY.counter,
    } as Numbers;
    for (let i = 0; i < 1_000; i++) {
      windows.addEvent(windows.find(key()), filled(largest), 1);
      addTo(expected, largest, 1);
    }
    expect(windows.windows()[0]?.sums).toEqual(inOrder(expected));
    expect(expected.memory_time_byte_ns).toBe(1_000n * (2n ** 52n - 1n) ** 2n);
  });

  it("keeps windows apart by every part of their key, at its smallest and largest", () => {
    const windows = new WindowSums(HASH_KEY);
    const changes: Partial<WindowKey>[] = [
      {},
      { hour: 0 },
      { hour: 2 ** 24 - 1 },
      { tenant: 0 },
      { tenant: 65_535 },
      { project: 0 },
      { project: 65_535 },
      { model: 0 },
      { model: 65_535 },
      { gpuModel: 0 },
      { gpuModel: 65_535 },
      { sharing: 0 },
      { sharing: 3 },
      { phase: 0 },
      { phase: 1 },
      { outcome: 0 },
      { outcome: 5 },
      { tenant: 65_535, project: 65_535, model: 65_535, gpuModel: 65_535, sharing: 3, outcome: 5 },
    ];
    const keys = changes.map(key);
    expect(keys.map((one) => windows.find(one))).toEqual([...keys.keys()]);
    expect(keys.map((one) => windows.find(one))).toEqual([...keys.keys()]);
    expect(windows.windows()).toEqual(keys.map((one) => ({ ...one, sums: inOrder(noSums()) })));
  });

  it("finds each of very many windows again, with its own sums, and none after it was cleared", () => {
    const windows = new WindowSums(HASH_KEY);
    const one = {
      ...Object.fromEntries(FIELDS.map((field) => [field, 0])),
      gpu_busy_ns: null,
      busy_quality: 0,
    } as Numbers;
    // a third each differ in one word of the key alone
    const keyOf = (i: number): WindowKey =>
      key([{ hour: i }, { tenant: i % 97, project: i }, { model: i % 97, gpuModel: i }][i % 3]);
    const keys = Array.from({ length: 2_000 }, (_, i) => keyOf(i));
    for (let round = 0; round < 2; round++) {
      const made = keys.map((of, i) => {
        const window = windows.find(of);
        windows.addEvent(window, filled({ ...one, gpu_time_ns: i, tokens_in: LARGEST }), 1);
        return window;
      });
      const found = keys.toReversed().map((of) => {
        const window = windows.find(of);
        windows.addCount(window, "duplicates");
        windows.addEvent(window, filled({ ...one, gpu_time_ns: 1, tokens_in: LARGEST }), 0);
        return window;
      });
      expect(made).toEqual([...keys.keys()]);
      expect(found).toEqual(made.toReversed());
      const expected = keys.map((of, i) => {
        const sums = { events: 1n, duplicates: 1n, gpu_time_ns: BigInt(i + 1), tokens_in: 2n ** 53n };
        return { ...of, sums: inOrder({ ...noSums(), ...sums }) };
      });
      expect(windows.windows()).toEqual(expected);
      windows.clear();
      expect(windows.size).toBe(0);
      expect(windows.windows()).toEqual([]);
    }
  });

  it("counts what was not counted", () => {
    const windows = new WindowSums(HASH_KEY);
    const counts: WindowCount[] = ["duplicates", "conflicts", "rejected", "voids"];
    for (const [i, count] of counts.entries()) {
      for (let n = 0; n <= i; n++) windows.addCount(windows.find(key()), count);
    }
    const expected = { ...noSums(), duplicates: 1n, conflicts: 2n, rejected: 3n, voids: 4n };
    expect(windows.windows()[0]?.sums).toEqual(inOrder(expected));
  });
});
