import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SPAN_MAX_US } from "../../../../services/domain/event/validate.ts";
import { HOUR_US } from "../../../../services/domain/time/hour.ts";
import {
  crossesHour,
  firstHour,
  lastHour,
  slices,
  splitQuantity,
} from "../../../../services/domain/window/split.ts";

const H = 497_000;
const AT = H * HOUR_US;

const span = fc
  .record({
    from: fc.nat(2 * HOUR_US),
    length: fc.oneof(fc.nat(SPAN_MAX_US), fc.nat(3), fc.constant(SPAN_MAX_US)),
  })
  .map(({ from, length }) => ({ startedAt: AT + from, endedAt: AT + from + length }));
const quantity = fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 2 ** 52 }), fc.constant(2 ** 53 - 1));

describe("the hour of an event", () => {
  it.each([
    ["ends on the hour", AT - 1_000, AT, H - 1, H - 1],
    ["begins on the hour", AT, AT + 1_000, H, H],
    ["fills the hour", AT, AT + HOUR_US, H, H],
    ["ends a microsecond after the hour", AT - 1, AT + 1, H - 1, H],
    ["has no length, on the hour", AT, AT, H, H],
    ["has no length, before the hour", AT - 1, AT - 1, H - 1, H - 1],
    ["covers 24 hours from the hour on", AT, AT + SPAN_MAX_US, H, H + 23],
    ["covers 24 hours across hours", AT - 1, AT - 1 + SPAN_MAX_US, H - 1, H + 23],
  ])("that %s", (_what, startedAt, endedAt, first, last) => {
    expect(firstHour(startedAt)).toBe(first);
    expect(lastHour(startedAt, endedAt)).toBe(last);
    expect(crossesHour(startedAt, endedAt)).toBe(first !== last);
    expect(slices(startedAt, endedAt).map(({ hour }) => hour)).toEqual(
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    );
  });
});

describe("slices", () => {
  it("tile the event, one an hour, each within its hour and none empty", () => {
    fc.assert(
      fc.property(span, ({ startedAt, endedAt }) => {
        const parts = slices(startedAt, endedAt);
        expect(parts[0]?.startedAt).toBe(startedAt);
        expect(parts.at(-1)?.endedAt).toBe(endedAt);
        for (const [i, part] of parts.entries()) {
          if (i > 0) {
            expect(part.startedAt).toBe(parts[i - 1]?.endedAt);
            expect(part.hour).toBe((parts[i - 1]?.hour ?? 0) + 1);
          }
          expect(part.startedAt).toBeGreaterThanOrEqual(part.hour * HOUR_US);
          expect(part.endedAt).toBeLessThanOrEqual((part.hour + 1) * HOUR_US);
          if (endedAt > startedAt) expect(part.endedAt).toBeGreaterThan(part.startedAt);
        }
      }),
    );
  });

  it("are one for an event without length", () => {
    expect(slices(AT, AT)).toEqual([{ hour: H, startedAt: AT, endedAt: AT }]);
  });
});

describe("splitQuantity", () => {
  it("gives whole parts that add up and are each less than 1 away from their exact share", () => {
    fc.assert(
      fc.property(span, quantity, ({ startedAt, endedAt }, total) => {
        fc.pre(crossesHour(startedAt, endedAt));
        const parts = slices(startedAt, endedAt);
        const shares = splitQuantity(total, parts);
        expect(shares.reduce((sum, share) => sum + BigInt(share), 0n)).toBe(BigInt(total));
        const length = BigInt(endedAt - startedAt);
        let given = 0n;
        for (const [i, part] of parts.entries()) {
          const share = BigInt(shares[i] ?? -1);
          expect(share).toBeGreaterThanOrEqual(0n);
          given += share;
          expect(given).toBe((BigInt(total) * BigInt(part.endedAt - startedAt)) / length);
          // |share - total x part / length| < 1, without a division
          const off = share * length - BigInt(total) * BigInt(part.endedAt - part.startedAt);
          expect(off < length && off > -length).toBe(true);
        }
      }),
    );
  });

  it("splits by wall time", () => {
    const parts = slices(AT - HOUR_US / 4, AT + HOUR_US + HOUR_US / 2);
    expect(splitQuantity(7_000, parts)).toEqual([1_000, 4_000, 2_000]);
    expect(splitQuantity(1, parts)).toEqual([0, 0, 1]);
    expect(splitQuantity(0, parts)).toEqual([0, 0, 0]);
  });
});
