import { describe, expect, it } from "vitest";
import { REJECT_CODES, type RejectCode } from "../../../../services/domain/event/codes.ts";
import {
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
  signedVoid,
  uuidV7,
} from "../../../support/builders/events.ts";
import { long, rawBody, rawRecord, text } from "../../../support/builders/raw-avro.ts";
import { sessionTrust, tokenOf } from "../../../support/builders/trust.ts";
import { AGE_MAX_MS, NOW_MS, type Sent, TestIntake } from "../../../support/flows/intake.ts";
import { badCorrections } from "./bad-corrections.ts";
import { badTokens } from "./bad-tokens.ts";

const ENDED_MS = NOW_MS - 1_000;
const DAY_MS = 24 * 3_600_000;
type Fields = Readonly<Record<string, unknown>>;

const event = (changes: Fields = {}, endedMs = ENDED_MS): Sent => {
  const fields = makeEvent(endedMs, "bad", changes);
  return { key: fields.event_id, value: rawRecord("gpu_time_event", fields) };
};
/** An event with bytes of our own in place of a field's. */
const damaged = (raw: Readonly<Record<string, Uint8Array>>): Sent => {
  const fields = makeEvent(ENDED_MS, "bad");
  return { key: fields.event_id, value: rawRecord("gpu_time_event", fields, raw) };
};
const totals = (changes: Fields = {}, raw: Readonly<Record<string, Uint8Array>> = {}): Sent => {
  const fields = makeTotals(ENDED_MS, "bad", changes);
  return { key: fields.totals_id, value: rawRecord("gpu_totals", fields, raw) };
};
const order = (changes: Fields = {}, raw: Readonly<Record<string, Uint8Array>> = {}): Sent => {
  const fields = signedVoid(makeVoid(uuidV7(ENDED_MS, "bad"), changes));
  return { key: fields.event_id, value: rawRecord("event_void", fields, raw) };
};

const changed = ({ key, value }: Sent, change: (value: Buffer) => Uint8Array): Sent => ({
  key,
  value: change(Buffer.from(value ?? [])),
});
const cut = (sent: Sent, to: number): Sent => changed(sent, (value) => value.subarray(0, to));
const longer = (sent: Sent): Sent => changed(sent, (value) => Buffer.concat([value, Buffer.from([0])]));
const keyed = (sent: Sent, key: Uint8Array | null): Sent => ({ ...sent, key });
const confluent = (id: number, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([0]), Buffer.from([0, 0, 0, id]), body]);

function withBits(id: Uint8Array, at: number, mask: number, bits: number): Buffer {
  const copy = Buffer.from(id);
  copy[at] = ((copy[at] ?? 0) & ~mask) | bits;
  return copy;
}
const version4 = withBits(uuidV7(ENDED_MS, "bad"), 6, 0xf0, 0x40);
const variant0 = withBits(uuidV7(ENDED_MS, "bad"), 8, 0xc0, 0x00);
const notUtf8 = text(Buffer.from("mülltenant", "latin1"));
const ofBatch = (code: RejectCode): Sent => ({ ...event(), fault: { code, detail: "of its batch" } });
const size = (sent: Sent): number => sent.value?.length ?? 0;
const endsAt = (ms: number): Sent => event({}, ms);
const HEADER = 10;

/** How to make each reject, but for what no single record shows (misplaced.test.ts). The last record of a list is the bad one. */
const BAD: Readonly<
  Record<Exclude<RejectCode, "RECORD_MISPLACED">, Readonly<Record<string, Sent | readonly Sent[]>>>
> = {
  BATCH_DAMAGED: { "what would be an event": ofBatch("BATCH_DAMAGED") },
  BATCH_CODEC_UNKNOWN: { "what would be an event": ofBatch("BATCH_CODEC_UNKNOWN") },
  BATCH_TOO_LARGE: { "what would be an event": ofBatch("BATCH_TOO_LARGE") },
  RECORD_EMPTY: {
    "no value": { ...event(), value: null },
    "a value of no bytes": cut(event(), 0),
    nothing: { key: null, value: null },
  },
  RECORD_TOO_LARGE: {
    "2 MB": changed(event(), (value) => Buffer.concat([value, Buffer.alloc(2_000_000)])),
    "a byte too many": changed(event(), (value) =>
      Buffer.concat([value, Buffer.alloc(65_537 - value.length)]),
    ),
    "2 MB and no key": { key: null, value: Buffer.alloc(2_000_000, 0xc3) },
  },
  RECORD_KEY_MISSING: {
    "a null key": keyed(event(), null),
    "an empty key": keyed(event(), new Uint8Array(0)),
    "totals with a null key": keyed(totals(), null),
    "a void with a null key": keyed(order(), null),
  },
  RECORD_KEY_MISMATCH: {
    "another event's id": keyed(event(), uuidV7(ENDED_MS, "other")),
    "the last byte cut": keyed(event(), event().key?.subarray(0, 15) ?? null),
    "a byte more": keyed(event(), Buffer.concat([event().key ?? Buffer.alloc(0), Buffer.from([0])])),
    "the id as text": keyed(event(), Buffer.from(Buffer.from(event().key ?? []).toString("hex"))),
    "another totals record's id": keyed(totals(), uuidV7(ENDED_MS, "other")),
    "a void keyed by something else": keyed(order(), uuidV7(ENDED_MS, "other")),
  },
  RECORD_UNKNOWN_FORMAT: {
    JSON: { key: event().key, value: Buffer.from(JSON.stringify({ event_id: "1" })) },
    "an Avro file": { key: event().key, value: Buffer.from("Obj\x01avro.schema") },
    "half the mark": changed(event(), (value) => withBits(value, 1, 0xff, 0x02)),
    "one strange byte": { key: event().key, value: Buffer.from([0xff]) },
  },
  RECORD_UNKNOWN_SCHEMA: {
    "another fingerprint": changed(event(), (value) => withBits(value, 9, 0xff, 0)),
    "the fingerprint big endian": changed(event(), (value) =>
      Buffer.concat([
        value.subarray(0, 2),
        Buffer.from(value.subarray(2, HEADER)).reverse(),
        value.subarray(HEADER),
      ]),
    ),
    "an unknown Confluent id": changed(event(), (value) => confluent(99, value.subarray(HEADER))),
  },
  RECORD_TRUNCATED: {
    "the mark alone": cut(event(), 2),
    "a cut header": cut(event(), HEADER - 1),
    "a cut Confluent header": changed(event(), () => Buffer.from([0, 0, 0, 0])),
    "no body": cut(event(), HEADER),
    "half a body": cut(event(), Math.floor(size(event()) / 2)),
    "the last byte": cut(event(), size(event()) - 1),
    "totals without their end": cut(totals(), size(totals()) - 1),
    "a void without its end": cut(order(), size(order()) - 1),
    "a text longer than the record": damaged({
      probe_version: text("x").fill(long(100).subarray(0, 1), 0, 1),
    }),
  },
  RECORD_MALFORMED: {
    "a byte left over": longer(event()),
    "totals with a byte left over": longer(totals()),
    "a void with a byte left over": longer(order()),
    "a branch that the union lacks": damaged({ user_id: long(2) }),
    "a branch below 0": damaged({ energy_uj: long(-1) }),
    "a symbol that the enum lacks": damaged({ sharing: long(3) }),
    "a symbol below 0": damaged({ outcome: long(-1) }),
    "a text of negative length": damaged({ session_id: long(-1) }),
    "a number of eleven bytes": damaged({ sequence: Buffer.alloc(11, 0x80) }),
    "a number where a text belongs": damaged({ model: long(-120_000_001) }),
    "totals with a symbol that the enum lacks": totals({}, { sharing: long(3) }),
    "totals that are not UTF-8": totals({}, { gpu_uuid: notUtf8 }),
    "a void that is not UTF-8": order({}, { reason: notUtf8 }),
    "totals with a negative number that rounds to a positive one": totals(
      {},
      { steps: long(-(2n ** 52n) - 1n) },
    ),
    "totals with a number that no double holds": totals({}, { steps: long(2n ** 62n) }),
  },
  EVENT_ID_NOT_UUIDV7: {
    "version 4": event({ event_id: version4 }),
    "another variant": event({ event_id: variant0 }),
    "totals of version 4": totals({ totals_id: version4 }),
    "a void of a version 4 id": order({ event_id: version4 }),
  },
  EVENT_ID_TIME_MISMATCH: {
    "a millisecond early": event({ event_id: uuidV7(ENDED_MS - 1, "bad") }),
    "a millisecond late": event({ event_id: uuidV7(ENDED_MS + 1, "bad") }),
    "built from started_at": event({ event_id: uuidV7(ENDED_MS - 250, "bad") }),
    "totals of another minute": totals({ totals_id: uuidV7(ENDED_MS - 60_000, "bad") }),
  },
  EVENT_TEXT_LENGTH: {
    "an empty tenant": event({ tenant_id: "" }),
    "an empty user in place of null": event({ user_id: "" }),
    "129 bytes of session": event({ session_id: "s".repeat(129) }),
    "129 bytes of model": event({ model: "m".repeat(129) }),
    "65 characters of two bytes": event({ project_id: "ß".repeat(65) }),
    "20,000 bytes of user": event({ user_id: "u".repeat(20_000) }),
    "60,000 bytes of node": event({ node: "n".repeat(60_000) }),
    "totals with an empty node": totals({ node: "" }),
    "totals with a long profile": totals({ mig_profile: "p".repeat(129) }),
    "totals with a long list of processes": totals({ unmetered_processes: "p".repeat(4_097) }),
    "totals with an empty list of models": totals({ parked_models: "" }),
    "a void without a reason": order({ reason: "" }),
    "a void with a long reason": order({ reason: "r".repeat(1_025) }),
    "a void with a long issuer": order({ issued_by: "i".repeat(129) }),
  },
  EVENT_TEXT_INVALID: {
    "a tenant that is not UTF-8": damaged({ tenant_id: notUtf8 }),
    "a session that is not UTF-8": damaged({ session_id: notUtf8 }),
    "a line break in a session": event({ session_id: "a\nb" }),
    "an escape in a model": event({ model: "\u001b[2J" }),
    "NUL in a user": event({ user_id: "a\0b" }),
    "a C1 control in a probe": event({ probe_version: "\u009b2J" }),
    "a surrogate": damaged({ project_id: text(Buffer.from([0xed, 0xa0, 0x80])) }),
    "totals with a line break": totals({ gpu_uuid: "GPU\r\n" }),
    "totals with an escape in a process": totals({ unmetered_processes: "1:\u001b[2J" }),
    "a void with a tab": order({ issued_by: "a\tb" }),
  },
  EVENT_NUMBER_NEGATIVE: {
    "negative GPU time": event({ gpu_time_ns: -1 }),
    "negative energy": event({ energy_uj: -1 }),
    "a negative rank": event({ rank: -1 }),
    "tokens of -2^63": event({ tokens_out: -(2n ** 63n) }),
    "before 1970": event({ started_at: -2_000, ended_at: -1_000 }),
    "started at -2^63": event({ started_at: -(2n ** 63n) }),
    "ended at -2^63": event({ ended_at: -(2n ** 63n) }),
    "negative idle time": totals({ idle_ns: -1 }),
    "negative unmetered time": totals({ unmetered_ns: -1 }),
    "a void before 1970": order({ issued_at: -1 }),
  },
  EVENT_NUMBER_RANGE: {
    "2^52 + 1 bytes": event({ memory_peak_bytes: 2 ** 52 + 1 }),
    "2^63 - 1 bytes": event({ nvlink_tx_bytes: 2n ** 63n - 1n }),
    "2^53 bytes": event({ memory_total_bytes: 2n ** 53n }),
    "2^32 tokens": event({ tokens_in: 2 ** 32 }),
    "65,536 ranks": event({ world_size: 65_536 }),
    "a sequence of 2^40": event({ sequence: 2 ** 40 }),
    "2^52 + 1 steps": totals({ steps: 2 ** 52 + 1 }),
    "rank 65,536 in totals": totals({ rank: 65_536 }),
    "a void of a far year": order({ issued_at: 2 ** 52 + 1 }),
  },
  EVENT_TIME_REVERSED: {
    "a microsecond": event({ started_at: ENDED_MS * 1000 + 1 }),
    "started in 2099": event({ started_at: Date.UTC(2099, 0, 1) * 1000 }),
    totals: totals({ started_at: ENDED_MS * 1000 + 1 }),
  },
  EVENT_TIME_FUTURE: {
    "in 2099": endsAt(Date.UTC(2099, 0, 1)),
    "5 minutes and a millisecond": endsAt(NOW_MS + 300_001),
    "in nanoseconds": event({ ended_at: ENDED_MS * 1_000_000 }),
    "at 2^63 - 1": event({ ended_at: 2n ** 63n - 1n }),
    "a void of an event of 2099": order({ event_id: uuidV7(Date.UTC(2099, 0, 1), "bad") }),
    "a void of the last time that an id can carry": order({ event_id: uuidV7(2 ** 48 - 1, "bad") }),
  },
  EVENT_TIME_TOO_OLD: {
    "in 1970": endsAt(1_000),
    "at 0": event({ event_id: uuidV7(0, "bad"), started_at: 0, ended_at: 0 }),
    "in seconds": event({ started_at: ENDED_MS / 1000, ended_at: ENDED_MS / 1000 }),
    "a millisecond older than accepted": endsAt(NOW_MS - AGE_MAX_MS - 1),
  },
  EVENT_TOO_LONG: {
    "a microsecond": event({ started_at: (ENDED_MS - DAY_MS) * 1000 - 1 }),
    "started in 1970": event({ started_at: 0 }),
  },
  EVENT_RANK_RANGE: {
    "rank 1 of 1": event({ rank: 1 }),
    "no ranks": event({ world_size: 0 }),
  },
  EVENT_GPU_TIME_EXCEEDS_SPAN: {
    "a nanosecond more than the slack": event({ gpu_time_ns: 250_000_000 + 250_000 + 1_000_000 + 1 }),
    "one of two ranks": event({ world_size: 2, gpu_time_ns: 251_250_001 }),
    "GPU time without a span": event({ started_at: ENDED_MS * 1000, gpu_time_ns: 1_000_001 }),
  },
  EVENT_BUSY_TIME_EXCEEDS_SPAN: {
    "a nanosecond more than the slack": event({ gpu_busy_ns: 250_000_000 + 250_000 + 1_000_000 + 1 }),
    "one of two ranks": event({ world_size: 2, gpu_busy_ns: 251_250_001, busy_quality: "counter" }),
    "busy without a span": event({ started_at: ENDED_MS * 1000, gpu_time_ns: 0, gpu_busy_ns: 1_000_001 }),
  },
  EVENT_BUSY_QUALITY: {
    "elapsed with another busy time": event({ busy_quality: "elapsed" }),
    "sampled without a busy time": event({ gpu_busy_ns: null, busy_quality: "sampled" }),
    "counted without a busy time": event({ gpu_busy_ns: null, busy_quality: "counter" }),
  },
  EVENT_PART_EXCEEDS_WHOLE: {
    "more communication than used": event({ communication_ns: 120_000_002 }),
  },
  EVENT_POWER_EXCEEDS_CARD: {
    "an average over 6 times the limit": event({ power_avg_mw: 4_200_001 }),
    "a peak over 6 times the limit": event({ power_peak_mw: 4_200_001 }),
    "a peak over 10 kW without a limit": event({ power_limit_mw: null, power_peak_mw: 10_000_001 }),
    "a limit over 10 kW": event({ power_limit_mw: 10_000_001 }),
  },
  EVENT_ENERGY_EXCEEDS_POWER: {
    "670 USD in a second": event({ started_at: (ENDED_MS - 1_000) * 1000, energy_uj: 2 ** 52 }),
    "a microjoule more than 4.2 kW in 10.25 s": event({ energy_uj: 43_050_000_001 }),
    "a microjoule more than 10 kW in 10.25 s": event({ power_limit_mw: null, energy_uj: 102_500_000_001 }),
  },
  EVENT_MEMORY_EXCEEDS_CARD: {
    "a byte over twice the card": event({ memory_peak_bytes: 2 * 85_520_809_984 + 1 }),
    "a card of more than 32 TiB": event({ memory_total_bytes: 2 ** 45 + 1 }),
    "more than 32 TiB of an unknown card": event({ memory_total_bytes: 0, memory_peak_bytes: 2 ** 45 + 1 }),
  },
  EVENT_NVLINK_EXCEEDS_LINK: {
    "a byte too many sent": event({ nvlink_tx_bytes: 36_900_000_000_001 }),
    "a byte too many received": event({ nvlink_rx_bytes: 36_900_000_000_001 }),
  },
  EVENT_TOKENS_EXCEED_SPAN: {
    "a token too many in": event({ tokens_in: 461_250_001 }),
    "a token too many cached": event({ tokens_cached: 461_250_001 }),
    "a token too many out": event({ tokens_out: 461_250_001 }),
  },
  EVENT_STEPS_EXCEED_SPAN: { "a step too many": event({ batch_steps: 10_250_001 }) },
  EVENT_BATCH_SIZE_RANGE: { "a million sessions and one": event({ batch_size_avg_milli: 1_000_000_001 }) },
  EVENT_CONFLICT: {
    "another tenant": [event(), event({ tenant_id: "tenant-02" })],
    "a token more": [event(), event({ tokens_out: 56 })],
    totals: [totals(), totals({ steps: 1 })],
    voids: [order(), order({ reason: "another reason" })],
  },
  ...badCorrections({ order, event }),
  ...badTokens(event),
  TOTALS_NOT_CONSERVED: {
    "a nanosecond less": totals({ wall_time_ns: 29_999_999_999 }),
    "a nanosecond more": totals({ unattributed_ns: 1_000 }),
  },
  TOTALS_BUSY_NOT_CONSERVED: {
    "a nanosecond less": totals({ busy_ns: 20_999_999_999 }),
    "a nanosecond more": totals({ unmetered_ns: 1_000_000_000 }),
    "a part that is not there": totals({ busy_operator_ns: null }),
    "parts without a whole": totals({ busy_ns: null, busy_quality: "elapsed" }),
  },
  TOTALS_BUSY_QUALITY: {
    "busy time of quality elapsed": totals({ busy_quality: "elapsed" }),
    "no busy time of quality counter": totals({
      busy_ns: null,
      busy_attributed_ns: null,
      busy_operator_ns: null,
      unmetered_ns: null,
    }),
  },
  TOTALS_ENERGY_NOT_CONSERVED: {
    "a microjoule less": totals({ energy_uj: 15_999_999_999 }),
    "a microjoule more": totals({ energy_unmetered_uj: 100_000_001 }),
  },
  TOTALS_TIME_EXCEEDS_SPAN: {
    "a nanosecond more wall time": totals({ wall_time_ns: 30_031_000_001, idle_ns: 5_030_999_001 }),
    "a nanosecond more busy time": totals({ busy_ns: 31_032_000_001 }),
  },
  TOTALS_ENERGY_EXCEEDS_POWER: {
    "a microjoule more than 10 kW in 40 s": totals({ energy_uj: 400_000_000_001 }),
    "a part of it": totals({ energy_uj: null, energy_parked_uj: 400_000_000_001 }),
  },
  TOTALS_STEPS_EXCEED_SPAN: { "a step too many": totals({ steps: 40_000_001 }) },
  TOTALS_CROSS_MINUTE: {
    "a microsecond before the minute": totals({ started_at: (NOW_MS - 60_000) * 1000 - 1 }),
    "a minute and its end": totals({ started_at: (ENDED_MS - 60_000) * 1000 }),
  },
};

const cases = Object.entries(BAD).flatMap(([code, how]) =>
  Object.entries(how).map(([what, sent]) => ({ code, what, records: [sent].flat() as readonly Sent[] })),
);

describe("a bad record is kept with its reason, and the flow goes on", () => {
  it("has a case for every code", () => {
    expect([...Object.keys(BAD), "RECORD_MISPLACED"].sort()).toEqual(Object.keys(REJECT_CODES).sort());
    expect(Object.values(BAD).every((how) => Object.keys(how).length > 0)).toBe(true);
  });

  it.each(cases)("$code: $what", ({ code, records }) => {
    const stream = new TestIntake({ block_rows_max: 20 }, sessionTrust(code === "EVENT_TOKEN_MISSING"));
    const good = ["good-1", "good-2"].map((seed) =>
      encodeEvent(makeEvent(ENDED_MS, seed, { session_token: tokenOf() })),
    );
    for (const record of [good[0], ...records, good[1]]) if (record !== undefined) stream.send(record);
    const isConflict = code === "EVENT_CONFLICT";
    expect(stream.account()).toMatchObject({
      received: 2 + records.length,
      counted: 2 + records.length - 1,
      duplicates: 0,
      conflicts: isConflict ? 1 : 0,
      rejected: isConflict ? 0 : 1,
    });
    const bad = records.at(-1);
    const [row, ...others] = stream.rows("rejected");
    expect(others).toEqual([]);
    expect(row?.reject_code).toBe(code);
    expect(Buffer.from(row?.reject_detail as Uint8Array).toString()).not.toBe("");
    expect(row?.kafka_offset).toBe(BigInt(100 + records.length));
    expect(row?.ingested_at).toBe(BigInt(NOW_MS));
    expect(Buffer.compare(row?.raw as Uint8Array, bad?.value ?? Buffer.alloc(0))).toBe(0);
    expect(Buffer.compare(row?.record_key as Uint8Array, bad?.key ?? Buffer.alloc(0))).toBe(0);
  });

  it("accepts what the bad ones are made from", () => {
    const stream = new TestIntake({ block_rows_max: 20 });
    const body = rawBody("gpu_totals", makeTotals(ENDED_MS, "confluent"));
    const fromRegistry = { key: uuidV7(ENDED_MS, "confluent"), value: confluent(2, body) };
    for (const record of [event(), totals(), order(), fromRegistry]) stream.send(record);
    expect(stream.account()).toMatchObject({ received: 4, counted: 4 });
    expect(Buffer.from(event().value ?? [])).toEqual(encodeEvent(makeEvent(ENDED_MS, "bad")).value);
    expect(Buffer.from(totals().value ?? [])).toEqual(encodeTotals(makeTotals(ENDED_MS, "bad")).value);
    expect(Buffer.from(order().value ?? [])).toEqual(encodeVoid(makeVoid(uuidV7(ENDED_MS, "bad"))).value);
  });
});
