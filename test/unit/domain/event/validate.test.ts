import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { createRecordReader } from "../../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import type { Fault } from "../../../../services/domain/event/codes.ts";
import {
  BUSY,
  EventRecord,
  NULL,
  NULLABLE_NUMBERS,
  NUMBERS,
  type NumberField,
  TEXTS,
  type TextField,
} from "../../../../services/domain/event/record.ts";
import { validateEvent } from "../../../../services/domain/event/validate.ts";
import { ENUM_FIELDS, encodeEvent, makeEvent, uuidV7 } from "../../../support/builders/events.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12, 30);
const ENDED_MS = NOW_MS - 1_000;
const DAY_MS = 86_400_000;
const AGE = { age_max_ms: 30 * DAY_MS };
const UINT16 = 65_535;
const UINT32 = 4_294_967_295;
const QUANTITY = 2 ** 52;
/** What passes a bound of what a card can do is another test's: bounds.test.ts. */
const PHYSICAL = /EXCEED|BATCH_SIZE/;

const reader = createRecordReader({ schemas: loadSchemas() });
const event = new EventRecord();

/** Fills `event` anew with a valid one, room for every other number at its largest. */
beforeEach(() =>
  fill(ENDED_MS, { started_at: (ENDED_MS - DAY_MS) * 1000, world_size: UINT16, power_limit_mw: null }),
);

function fill(endedMs: number, changes: Record<string, unknown> = {}): void {
  const { value } = encodeEvent(makeEvent(endedMs, "any", changes));
  const bytes = Uint8Array.from(value);
  expect(reader.read(bytes, new DataView(bytes.buffer), 0, bytes.length, event).type).toBe("event");
}

const set = (field: NumberField, value: number): void => {
  event.numbers[NUMBERS[field]] = value;
};
const validate = (): Fault | undefined => validateEvent(event, NOW_MS, AGE);

describe("validateEvent", () => {
  const LIMITS: Readonly<Partial<Record<NumberField, number>>> = {
    sequence: UINT32,
    rank: UINT16,
    world_size: UINT16,
    gpu_time_ns: QUANTITY,
    gpu_busy_ns: QUANTITY,
    communication_ns: QUANTITY,
    memory_peak_bytes: QUANTITY,
    memory_total_bytes: QUANTITY,
    energy_uj: QUANTITY,
    power_avg_mw: UINT32,
    power_peak_mw: UINT32,
    power_limit_mw: UINT32,
    nvlink_tx_bytes: QUANTITY,
    nvlink_rx_bytes: QUANTITY,
    tokens_in: UINT32,
    tokens_cached: UINT32,
    tokens_out: UINT32,
    batch_steps: UINT32,
    batch_size_avg_milli: UINT32,
  };
  const limits = Object.entries(LIMITS) as [NumberField, number][];

  it("knows a limit for every number that is no enum and no time", () => {
    const others = new Set<string>([...ENUM_FIELDS, "started_at", "ended_at"]);
    expect(limits.map(([field]) => field)).toEqual(
      Object.keys(NUMBERS).filter((field) => !others.has(field)),
    );
  });

  it.each(limits)("accepts %s from 0 to %d and nothing beyond", (field, max) => {
    set(field, field === "rank" ? max - 1 : max);
    expect(validate()?.code ?? "EXCEED").toMatch(PHYSICAL);
    set(field, max + 1);
    expect(validate()).toMatchObject({ code: "EVENT_NUMBER_RANGE" });
    expect(validate()?.detail).toContain(field);
    set(field, 2 ** 60);
    expect(validate()).toMatchObject({ code: "EVENT_NUMBER_RANGE" });
    set(field, -1);
    expect(validate()).toMatchObject({ code: "EVENT_NUMBER_NEGATIVE" });
    expect(validate()?.detail).toContain(field);
    set(field, 0);
    expect(validate()?.code.startsWith("EVENT_NUMBER") ?? false).toBe(false);
  });

  it("accepts an event whose optional numbers are all absent", () => {
    for (const field of NULLABLE_NUMBERS) set(field, NULL);
    set("busy_quality", BUSY.elapsed);
    expect(validate()).toBeUndefined();
  });

  it.each([
    ["as much as the span allows", 1, 250_000_000 + 250_000 + 1_000_000, undefined],
    ["a nanosecond more", 1, 250_000_000 + 250_000 + 1_000_000 + 1, "EVENT_GPU_TIME_EXCEEDS_SPAN"],
    ["one of eight ranks, as much as the span allows", 8, 251_250_000, undefined],
    ["one of eight ranks, a nanosecond more", 8, 251_250_001, "EVENT_GPU_TIME_EXCEEDS_SPAN"],
  ])("judges GPU time of %s", (_what, ranks, gpu_time_ns, code) => {
    fill(ENDED_MS, { world_size: ranks, gpu_time_ns });
    expect(validate()?.code).toBe(code);
  });

  it("judges GPU time without a span by the slack alone", () => {
    fill(ENDED_MS, { started_at: ENDED_MS * 1000, gpu_time_ns: 1_000_000, gpu_busy_ns: 1_000_000 });
    expect(validate()).toBeUndefined();
    set("gpu_time_ns", 1_000_001);
    expect(validate()?.code).toBe("EVENT_GPU_TIME_EXCEEDS_SPAN");
  });

  it("accepts communication up to the whole", () => {
    set("gpu_time_ns", 1_000);
    set("communication_ns", 1_000);
    expect(validate()).toBeUndefined();
    set("communication_ns", 1_001);
    expect(validate()?.code).toBe("EVENT_PART_EXCEEDS_WHOLE");
  });

  it.each([
    ["as much as the span allows", 1, 251_250_000, undefined],
    ["a nanosecond more", 1, 251_250_001, "EVENT_BUSY_TIME_EXCEEDS_SPAN"],
    ["one of eight ranks, as much as the span allows", 8, 251_250_000, undefined],
    ["one of eight ranks, a nanosecond more", 8, 251_250_001, "EVENT_BUSY_TIME_EXCEEDS_SPAN"],
  ])("judges busy time of %s by the span, however short it held the card", (_what, ranks, busy, code) => {
    for (const busy_quality of ["sampled", "counter"]) {
      fill(ENDED_MS, { world_size: ranks, gpu_time_ns: 1_000, gpu_busy_ns: busy, busy_quality });
      expect(validate()?.code).toBe(code);
    }
  });

  it("takes busy time that is elapsed as gpu_time_ns, or as null from version 1, and as nothing else", () => {
    fill(ENDED_MS, { gpu_time_ns: 1_000, gpu_busy_ns: 1_000, busy_quality: "elapsed" });
    expect(validate()).toBeUndefined();
    set("gpu_busy_ns", NULL);
    expect(validate()).toBeUndefined();
    set("gpu_busy_ns", 999);
    expect(validate()?.code).toBe("EVENT_BUSY_QUALITY");
  });

  it.each([
    [0, 1, undefined],
    [7, 8, undefined],
    [8, 8, "EVENT_RANK_RANGE"],
    [0, 0, "EVENT_RANK_RANGE"],
    [65_534, 65_535, undefined],
  ])("judges rank %d of %d", (rank, world_size, code) => {
    set("rank", rank);
    set("world_size", world_size);
    expect(validate()?.code).toBe(code);
  });

  it.each([
    ["5 minutes ahead", NOW_MS + 300_000, undefined],
    ["a millisecond more", NOW_MS + 300_001, "EVENT_TIME_FUTURE"],
    ["as old as accepted", NOW_MS - AGE.age_max_ms, undefined],
    ["a millisecond older", NOW_MS - AGE.age_max_ms - 1, "EVENT_TIME_TOO_OLD"],
  ])("judges an end %s of the append time", (_what, endedMs, code) => {
    fill(endedMs);
    expect(validate()?.code).toBe(code);
  });

  it("accepts 24 hours and not a microsecond more", () => {
    set("started_at", (ENDED_MS - DAY_MS) * 1000);
    expect(validate()).toBeUndefined();
    set("started_at", (ENDED_MS - DAY_MS) * 1000 - 1);
    expect(validate()?.code).toBe("EVENT_TOO_LONG");
  });

  it("asks for an id of the millisecond in which the event ends", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), fc.constantFrom(-1, 0, 1), (micros, off) => {
        const changes = { event_id: uuidV7(ENDED_MS + off, "x"), ended_at: ENDED_MS * 1000 + micros };
        fill(ENDED_MS, changes);
        expect(validate()?.code).toBe(off === 0 ? undefined : "EVENT_ID_TIME_MISMATCH");
      }),
    );
  });

  // the other texts are checked once for each distinct one, when they get into a dictionary
  it.each(["session_id", "user_id"] as const)("looks at every character of %s", (field) => {
    fill(ENDED_MS, { [field]: "ab\u0007" });
    expect(validate()).toEqual({ code: "EVENT_TEXT_INVALID", detail: field });
    fill(ENDED_MS, { [field]: "größe 🙂" });
    expect(validate()).toBeUndefined();
  });

  it.each(Object.keys(TEXTS) as TextField[])("accepts 1 to 128 bytes of %s", (field) => {
    const isOptional = ["user_id", "container_id", "mig_profile"].includes(field);
    for (const text of ["x", "x".repeat(128), "ß".repeat(64), ...(isOptional ? [null] : [])]) {
      fill(ENDED_MS, { [field]: text });
      expect(validate()).toBeUndefined();
    }
    for (const text of ["", "x".repeat(129), "ß".repeat(65)]) {
      fill(ENDED_MS, { [field]: text });
      expect(validate()?.code).toBe("EVENT_TEXT_LENGTH");
      expect(validate()?.detail).toContain(field);
    }
    fill(ENDED_MS);
    event.lengths[TEXTS[field]] = -1;
    expect(validate()?.code).toBe(isOptional ? undefined : "EVENT_TEXT_LENGTH");
  });
});
