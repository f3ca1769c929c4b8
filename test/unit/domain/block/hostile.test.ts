import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeNative } from "../../../../services/adapters/clickhouse/native.ts";
import { closingRows } from "../../../../services/domain/block/other-rows.ts";
import {
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
} from "../../../support/builders/events.ts";
import { HOUR_MS, NOW_MS, TestIntake } from "../../../support/flows/intake.ts";

describe("a block", () => {
  it("sets late records aside with bytes of their own, and settles copies among them", () => {
    const stream = new TestIntake();
    const fields = makeEvent(NOW_MS - 5 * HOUR_MS, "late");
    const original = encodeEvent(fields);
    const value = Buffer.from(original.value);
    expect(stream.send({ key: original.key, value })).toBe(false);
    expect(stream.account()).toMatchObject({ received: 1, counted: 0, lastOffset: 100 });
    value.fill(0);
    expect(stream.send(original)).toBe(false);
    expect(stream.send(encodeEvent({ ...fields, tokens_out: 1 }))).toBe(false);
    expect(stream.rows("event")).toEqual([]);
    stream.takeLate();
    expect(stream.account()).toMatchObject({
      received: 3,
      counted: 1,
      duplicates: 1,
      conflicts: 1,
      lastOffset: 102,
    });
    expect(stream.rows("event").map((row) => [row.kafka_offset, row.tokens_out])).toEqual([[100n, 55]]);
  });

  it("never throws on hostile bytes, and what it makes of them can be sent", () => {
    const event = encodeEvent(makeEvent(NOW_MS, "hostile"));
    const bases = [event, encodeTotals(makeTotals(NOW_MS, "hostile")), encodeVoid(makeVoid(event.key))];
    const changed = fc
      .record({
        base: fc.constantFrom(...bases),
        changes: fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 6 }),
        end: fc.oneof(fc.constant(500), fc.nat(500)),
        more: fc.uint8Array({ maxLength: 12 }),
        keepsKey: fc.boolean(),
      })
      .map(({ base, changes, end, more, keepsKey }) => {
        const value = Buffer.concat([base.value.subarray(0, end), more]);
        for (const [at, byte] of changes) if (at < value.length) value[at] = byte;
        // a changed id gets a changed key, so that what is behind the key's check is met too
        return { value, key: keepsKey ? base.key : value.subarray(10, 26) };
      });
    const random = fc.record({
      value: fc.option(fc.uint8Array({ maxLength: 60 })),
      key: fc.option(fc.uint8Array({ maxLength: 20 })),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(changed, random), { maxLength: 40, size: "max" }), (records) => {
        const stream = new TestIntake({ block_rows_max: 100 });
        for (const record of records) stream.send(record);
        stream.takeLate();
        if (records.length === 0) return;
        const { received, counted, duplicates, conflicts, rejected } = stream.account();
        expect(received).toBe(records.length);
        expect(counted + duplicates + conflicts + rejected).toBe(received);
        expect(stream.rows("rejected")).toHaveLength(rejected + conflicts);
        expect(encodeNative(stream.block, stream.block.rows, { ingestDay: 20_000 }).length).toBeGreaterThan(
          0,
        );
      }),
      { numRuns: 80 },
    );
  }, 30_000);

  it.each([0, 1, (2 ** 32 - 86_400) * 1000])("can be sent if the append time is %d", (ingestedAtMs) => {
    const stream = new TestIntake();
    stream.memory.open(0, 0);
    const event = makeEvent(NOW_MS, "strange time");
    const then = makeEvent(ingestedAtMs, "then", { started_at: ingestedAtMs * 1000 });
    const records = [
      encodeEvent(event),
      encodeEvent(then),
      encodeVoid(makeVoid(then.event_id)),
      { key: null, value: null },
    ];
    for (const record of records) stream.send(record, 0, ingestedAtMs);
    const rows = [...stream.block.rows, ...closingRows(stream.block, new Map())];
    expect(encodeNative(stream.block, rows, { ingestDay: 0 }).length).toBeGreaterThan(0);
    expect(stream.account().received).toBe(4);
  });

  it("keeps its dictionaries whole when texts of any length come by", () => {
    const lengths = [0, 1, 127, 128, 129, 255, 256, 16_383, 16_384, 20_000, 60_000];
    const stream = new TestIntake();
    const fields = ["tenant_id", "model", "node", "apportionment", "session_id", "user_id"] as const;
    const sent = fields.flatMap((field) =>
      lengths.map((length) => makeEvent(NOW_MS, `${field}-${length}`, { [field]: "x".repeat(length) })),
    );
    for (const one of sent) {
      stream.send(encodeEvent(one));
      stream.send(encodeEvent(makeEvent(NOW_MS, `after-${one["session_id"]}-${one["model"]}`.slice(0, 40))));
    }
    const accepted = sent.filter((one) =>
      fields.every(
        (field) =>
          one[field] === null || (String(one[field]).length >= 1 && String(one[field]).length <= 128),
      ),
    );
    expect(accepted).toHaveLength(fields.length * 3);
    const rows = new Map(stream.rows("event").map((row) => [row.event_id, row]));
    for (const one of accepted) {
      const row = rows.get(Buffer.from(one.event_id).toString("hex"));
      for (const field of ["tenant_id", "model", "node", "apportionment"] as const)
        expect(row?.[field]).toBe(one[field]);
      expect(Buffer.from(row?.session_id as Uint8Array).toString()).toBe(one["session_id"]);
      expect(Buffer.from(row?.user_id as Uint8Array).toString()).toBe(one["user_id"] ?? "");
    }
    for (const row of rows.values()) expect(String(row.tenant_id).length).toBeLessThanOrEqual(128);
    expect(stream.account().rejected).toBe(sent.length - accepted.length);
  });
});
