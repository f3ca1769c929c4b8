import { describe, expect, it } from "vitest";
import {
  comparablePrompts,
  poolOf,
  rateSessions,
  type SessionPart,
  wholeSessions,
} from "../../../../services/domain/insight/measured-sessions.ts";
import { formatDecimal } from "../../../../services/domain/money/decimal.ts";
import { bookWith, bookWithPlan, demoBook } from "../../../support/builders/price-books.ts";
import { hourAt, secondsOfUsage, TENANT } from "../../../support/builders/tenant-hours.ts";
import { sessionPart } from "../../../support/doubles/memory-history.ts";

const HOUR = hourAt(5);
const at = (minute: number) => (HOUR + minute * 60) * 1_000;
const HOURS = [{ tenant_id: TENANT, hour: HOUR }];
const seconds = (count: number, changes: Partial<SessionPart> = {}) =>
  sessionPart("s", at(10), { ...secondsOfUsage(count), ...changes });

describe("wholeSessions", () => {
  const names = (parts: readonly SessionPart[], hours = HOURS) => wholeSessions(parts, hours).length;

  it("takes a session that was seen from its first event to its last", () => {
    const parts = [seconds(1, { last_sequence: 1, events: 2n, tokens_in: 7n, tokens_out: 4n })];
    expect(wholeSessions(parts, HOURS)).toEqual([
      { tenant_id: TENANT, parts, tokens_in: 7n, tokens_out: 4n },
    ]);
  });

  it("adds up its parts: other outcomes, other ranks", () => {
    const changed = [
      seconds(1, { last_sequence: 0 }),
      seconds(1, { first_sequence: 1, last_sequence: 1, outcome: "cancelled" }),
    ];
    expect(names(changed)).toBe(1);
    const ranks = [seconds(1, { ranks: 2 }), seconds(1, { ranks: 2, rank: 1 })];
    expect(names(ranks)).toBe(1);
  });

  it("has the tokens of one rank, however many ranks counted them", () => {
    const of = (rank: number, tokens_out: bigint) =>
      seconds(1, { ranks: 8, rank, tokens_in: 100n, tokens_out });
    const parts = Array.from({ length: 8 }, (_, rank) => of(rank, rank === 7 ? 39n : 40n));
    expect(wholeSessions(parts, HOURS)).toMatchObject([{ tokens_in: 100n, tokens_out: 40n }]);
  });

  it.each([
    ["its first event", { first_sequence: 1, last_sequence: 1 }],
    ["one in between", { last_sequence: 2, events: 2n }],
    ["one of its ranks", { ranks: 2 }],
    ["the part before the hour, at which it was cut", { began_at: at(0) * 1_000 }],
    ["what may have come in the next hour", { ended_at: at(59) * 1_000 }],
  ])("leaves out a session without %s", (_what, changes) => {
    expect(names([seconds(1, changes)])).toBe(0);
  });

  it("takes one that ends at the hour's end where the next hour was looked at too", () => {
    const next = { tenant_id: TENANT, hour: HOUR + 3600 };
    const late = [seconds(1, { ended_at: at(59) * 1_000 })];
    expect(names(late, [...HOURS, next])).toBe(1);
    expect(names(late, [...HOURS, { ...next, tenant_id: "another" }])).toBe(0);
  });
});

describe("rateSessions", () => {
  const costs = (prices: Partial<Parameters<typeof rateSessions>[1]>, ...parts: SessionPart[]) =>
    rateSessions(wholeSessions(parts, HOURS), { book: demoBook(), plan: null, hour: HOUR, ...prices }).map(
      ({ charge }) => formatDecimal(charge),
    );

  it("rates the worked example of the price list as a session of its own", () => {
    expect(costs({}, seconds(3600))).toEqual(["1.937500000000"]);
    expect(costs({}, seconds(3600, { outcome: "error" }))).toEqual(["0.000000000000"]);
  });

  it("leaves out a card without a price", () => {
    expect(costs({}, seconds(3600, { gpu_model: "B200" }))).toEqual([]);
  });

  it("takes the plan's first tier, its factor of the hour and its percentage, and no fees", () => {
    const graduated = [{ up_to: "0.1", unit_price: "2" }, { unit_price: "1" }];
    const time_of_day = [{ hours: [5], factor: "0.5" }];
    const rates = [{ name: "r", unit: "gpu_hour", graduated, time_of_day }];
    const adjustments = [
      { name: "d", percentage_discount: "10" },
      { name: "m", minimum_commitment: "50" },
    ];
    const book = bookWithPlan({ rates, adjustments, flat_fees: [{ name: "f", amount: "9" }] });
    const plan = book.plans[0] ?? null;
    // 1 GPU-hour at 2, halved at five o'clock, less 10 %.
    expect(costs({ book, plan }, seconds(3600))).toEqual(["0.900000000000"]);
    expect(costs({ book, plan, hour: hourAt(6) }, seconds(3600))).toEqual(["1.800000000000"]);
    expect(costs({ book: bookWith({}), plan: null }, seconds(3600))).toEqual(["1.937500000000"]);
  });
});

describe("poolOf", () => {
  const of = (tenant_id: string, count: number) =>
    Array.from({ length: count }, () => ({ tenant_id, charge: 1n, tokens_in: 1n, tokens_out: 1n }));
  const sizes = (samples: ReturnType<typeof of>) =>
    [...Map.groupBy(samples, ({ tenant_id }) => tenant_id).values()].map((own) => own.length);

  it("is empty below so many others, whoever asks not counted", () => {
    const four = ["a", "b", "c", "d"].flatMap((name) => of(name, 9));
    expect(poolOf([...four, ...of("me", 9)], "me", 5)).toEqual([]);
    expect(sizes(poolOf([...four, ...of("e", 9)], "me", 5))).toEqual([9, 9, 9, 9, 9]);
  });

  it("lets nobody count for more than the fifth largest", () => {
    const samples = [
      ...of("a", 100),
      ...of("b", 9),
      ...of("c", 8),
      ...of("d", 7),
      ...of("e", 2),
      ...of("f", 1),
    ];
    expect(sizes(poolOf(samples, "me", 5))).toEqual([2, 2, 2, 2, 2, 1]);
  });
});

it("comparable prompts are from half to twice as long", () => {
  const samples = [49n, 50n, 200n, 201n].map((tokens_in) => ({
    tenant_id: "t",
    charge: 1n,
    tokens_in,
    tokens_out: 1n,
  }));
  expect(comparablePrompts(samples, 100n).map(({ tokens_in }) => tokens_in)).toEqual([50n, 200n]);
});
