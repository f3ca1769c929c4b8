// Every model of price by itself. One row of usage here is a GPU-hour of composite 0.775 at quality 1 on a card of 2.50 USD.

import { describe, expect, it } from "vitest";
import { buyPrepaid } from "../../../../services/domain/billing/prepaid.ts";
import { bookWith, bookWithPlan, FULL_PLAN } from "../../../support/builders/price-books.ts";
import {
  DECEMBER,
  decimal,
  hourAt,
  input,
  inputWithPlan,
  lineSummaries,
  NOVEMBER,
  packageOf,
  publish,
  secondsOfUsage,
  settlementOf,
  TENANT,
  tenantHour,
} from "../../../support/builders/tenant-hours.ts";

const HOUR = 3600;

/** The lines of November with one GPU-hour in each of the hours named, under the plan. */
function linesUnder(
  plan: Readonly<Record<string, unknown>>,
  hours: readonly number[],
  more: Parameters<typeof input>[0] = {},
) {
  const book = publish(bookWithPlan(plan));
  const rated = hours.map((at) => tenantHour(at, [secondsOfUsage(HOUR)], book));
  return lineSummaries(settlementOf(inputWithPlan(book, { hours: rated, ...more })).invoice);
}

const perHour = (parts: object) => ({ rates: [{ name: "r", unit: "gpu_hour", ...parts }] });

describe("a rate item", () => {
  it.each<[string, Readonly<Record<string, unknown>>, string[]]>([
    ["per GPU-hour at the card's rate", perHour({}), ["usage r 2.000000000000 5.000000000000"]],
    [
      "per GPU-hour at a unit price",
      perHour({ unit_price: "3.1" }),
      ["usage r 2.000000000000 6.200000000000"],
    ],
    [
      "per composite unit",
      { rates: [{ name: "r", unit: "composite_gpu_hour" }] },
      ["usage r 1.550000000000 3.875000000000"],
    ],
    [
      "by graduated tiers: each unit in its own tier",
      perHour({ graduated: [{ up_to: "1.5", unit_price: "4" }, { unit_price: "1" }] }),
      ["usage r 1.500000000000 6.000000000000", "usage r 0.500000000000 0.500000000000"],
    ],
    [
      "by volume tiers: all units in the tier of their sum",
      perHour({ volume: [{ up_to: "1.5", unit_price: "4" }, { unit_price: "1" }] }),
      ["usage r 2.000000000000 2.000000000000"],
    ],
    [
      "by volume tiers, up to and including",
      perHour({ volume: [{ up_to: "2", unit_price: "4" }, { unit_price: "1" }] }),
      ["usage r 2.000000000000 8.000000000000"],
    ],
    [
      "by the time of day",
      perHour({ unit_price: "4", time_of_day: [{ hours: [2], factor: "0.5" }] }),
      ["usage r 1.000000000000 4.000000000000", "usage r 1.000000000000 2.000000000000"],
    ],
    [
      "that matches another model leaves the row on demand",
      { rates: [{ name: "r", models: ["other"], unit: "gpu_hour" }] },
      ["usage on_demand 1.550000000000 3.875000000000"],
    ],
    [
      "comes first that matches first",
      { rates: [perHour({ models: ["synthetic-7b"] }).rates[0], { name: "s", unit: "gpu_hour" }] },
      ["usage r 2.000000000000 5.000000000000"],
    ],
  ])("%s", (_, plan, lines) => {
    expect(linesUnder(plan, [1, 2])).toEqual(lines);
  });
});

describe("terms", () => {
  it("a free allowance covers its units once a period", () => {
    const plan = { ...perHour({}), allowances: [{ name: "free", rate: "r", quantity: "1.25" }] };
    expect(linesUnder(plan, [1, 2])).toEqual([
      "usage r 0.750000000000 1.875000000000",
      "allowance free 1.250000000000 0.000000000000",
    ]);
  });

  it("a flat fee is charged without usage, and pro rata of the subscribed hours", () => {
    const plan = { flat_fees: [{ name: "platform", amount: "30" }] };
    expect(linesUnder(plan, [])).toEqual(["flat_fee platform 1.000000000000 30.000000000000"]);
    const subscription = {
      subscription_id: "s",
      tenant_id: TENANT,
      plan: "plan",
      from: hourAt(72),
      to: null,
    };
    expect(linesUnder(plan, [], { subscriptions: [subscription] })).toEqual([
      "flat_fee platform 1.000000000000 27.000000000000",
    ]);
  });

  it("an hourly commitment is paid in every hour, covers its own hour only, and makes the rest dearer", () => {
    const plan = {
      ...perHour({}),
      hourly_commitments: [
        { name: "reserved", rate: "r", quantity: "0.5", unit_price: "1", overage_factor: "1.2" },
      ],
    };
    expect(linesUnder(plan, [1, 2])).toEqual([
      "usage r 1.000000000000 3.000000000000",
      "commitment_usage reserved 1.000000000000 0.000000000000",
      "commitment_fee reserved 360.000000000000 360.000000000000",
    ]);
  });

  it.each<[string, object[], string[]]>([
    [
      "a percentage discount",
      [{ name: "d", percentage_discount: "10" }],
      ["percentage_discount d 1.000000000000 -0.500000000000"],
    ],
    [
      "a fixed discount",
      [{ name: "d", fixed_discount: "2" }],
      ["fixed_discount d 1.000000000000 -2.000000000000"],
    ],
    [
      "a fixed discount above the sum",
      [{ name: "d", fixed_discount: "20" }],
      ["fixed_discount d 1.000000000000 -5.000000000000"],
    ],
    ["a minimum commitment below the sum", [{ name: "m", minimum_commitment: "4" }], []],
    [
      "a minimum commitment with its true-up",
      [{ name: "m", minimum_commitment: "12" }],
      ["minimum_commitment m 1.000000000000 7.000000000000"],
    ],
    [
      "a discount, then the minimum of what is left",
      [
        { name: "d", percentage_discount: "10" },
        { name: "m", minimum_commitment: "12" },
      ],
      [
        "percentage_discount d 1.000000000000 -0.500000000000",
        "minimum_commitment m 1.000000000000 7.500000000000",
      ],
    ],
    [
      "the minimum, then a discount on it",
      [
        { name: "m", minimum_commitment: "12" },
        { name: "d", percentage_discount: "10" },
      ],
      [
        "percentage_discount d 1.000000000000 -1.200000000000",
        "minimum_commitment m 1.000000000000 7.000000000000",
      ],
    ],
  ])("%s", (_, adjustments, lines) => {
    expect(linesUnder({ ...perHour({}), adjustments }, [1, 2])).toEqual([
      "usage r 2.000000000000 5.000000000000",
      ...lines,
    ]);
  });

  it("a free tenant with a minimum pays the minimum", () => {
    expect(linesUnder({ adjustments: [{ name: "m", minimum_commitment: "12" }] }, [])).toEqual([
      "minimum_commitment m 1.000000000000 12.000000000000",
    ]);
  });
});

describe("prepaid", () => {
  const hours = [1, 2].map((at) => tenantHour(at, [secondsOfUsage(HOUR)]));
  const invoiceWith = (prepaid: Parameters<typeof packageOf>[0][], periods = [NOVEMBER]) =>
    settlementOf(input({ hours, periods, prepaid: prepaid.map((own) => packageOf(own)) })).invoice;

  it("packages are drawn from by earliest expiry, the rest is on demand", () => {
    const invoice = invoiceWith([
      { prepaid_id: "late", expires_at: hourAt(3), quantity: decimal("0.8") },
      { prepaid_id: "soon", expires_at: hourAt(2), quantity: decimal("1") },
    ]);
    // Of "soon", 0.225 expire unused before the second hour.
    expect(lineSummaries(invoice)).toEqual([
      "package late 0.775000000000 0.000000000000",
      "package soon 0.775000000000 0.000000000000",
      "prepaid_expiry late 0.025000000000 0.000000000000",
      "prepaid_expiry soon 0.225000000000 0.000000000000",
    ]);
  });

  it("a package that begins later, is for another card or counts other units is left alone", () => {
    const invoice = invoiceWith([
      { prepaid_id: "a", starts_at: hourAt(3) },
      { prepaid_id: "b", gpu_models: ["other"] },
      { prepaid_id: "c", unit: "gpu_hour" },
    ]);
    expect(lineSummaries(invoice)).toEqual([
      "usage on_demand 1.550000000000 3.875000000000",
      "prepaid_purchase a 0.500000000000 1.000000000000",
    ]);
  });

  it("a refund gives back what is left at the price paid, and ends the package", () => {
    const invoice = invoiceWith([{ quantity: decimal("1"), price: decimal("2"), refunded_at: hourAt(2) }]);
    expect(lineSummaries(invoice)).toEqual([
      "usage on_demand 0.775000000000 1.937500000000",
      "package package-1 0.775000000000 0.000000000000",
      "prepaid_refund package-1 0.225000000000 -0.450000000000",
    ]);
  });

  it("a credit pays what is due, as far as it reaches, but no purchase", () => {
    const invoice = invoiceWith([
      { prepaid_id: "credit", unit: "currency", quantity: decimal("3"), price: decimal("2.5") },
      {
        prepaid_id: "new",
        unit: "currency",
        starts_at: hourAt(5),
        quantity: decimal("3"),
        expires_at: DECEMBER.to + 1,
      },
    ]);
    expect(lineSummaries(invoice)).toEqual([
      "usage on_demand 1.550000000000 3.875000000000",
      "prepaid_purchase new 3.000000000000 1.000000000000",
      "prepaid_credit credit 3.000000000000 -3.000000000000",
      "prepaid_credit new 0.875000000000 -0.875000000000",
    ]);
  });

  it("what is left goes on into the next period", () => {
    const later = tenantHour(24 * 30 + 1, [secondsOfUsage(HOUR)]);
    const prepaid = [packageOf({ quantity: decimal("2") })];
    const first = settlementOf(input({ hours, prepaid }));
    const second = settlementOf(
      input({ hours: [later], prepaid, periods: [DECEMBER], opening: first.closing }),
    );
    expect(lineSummaries(second.invoice)).toEqual([
      "usage on_demand 0.325000000000 0.812500000000",
      "package package-1 0.450000000000 0.000000000000",
    ]);
  });

  it("is bought on the terms of an offer", () => {
    const offer = {
      name: "100 hours",
      unit: "composite_gpu_hour",
      quantity: "100",
      price: "220",
      valid_hours: 48,
    };
    const [read] = bookWith({ prepaid: [offer] }).prepaid;
    if (read === undefined) throw new Error("no offer");
    const bought = buyPrepaid(read, {
      prepaid_id: "p",
      tenant_id: TENANT,
      currency: "USD",
      starts_at: hourAt(0),
    });
    expect(bought).toMatchObject({ quantity: decimal("100"), expires_at: hourAt(48), refunded_at: null });
  });
});

describe("a book change in mid-month", () => {
  const before = publish(bookWith({ plans: [FULL_PLAN] }));
  const parts = { effective_from: "2026-11-16T00:00:00Z", name: "second half" };
  const cheaper = { ...FULL_PLAN, flat_fees: [{ name: "platform", amount: "9999" }] };

  it("rates each hour by its own book; terms stay those of the book at the term's beginning", () => {
    const after = publish(bookWith({ ...parts, plans: [cheaper] }));
    const invoice = settlementOf(
      inputWithPlan(before, {
        books: [after, before],
        subscriptions: [
          { subscription_id: "s", tenant_id: TENANT, plan: "scale", from: NOVEMBER.from, to: null },
        ],
        hours: [
          tenantHour(1, [secondsOfUsage(HOUR)], before),
          tenantHour(500, [secondsOfUsage(HOUR)], after),
        ],
      }),
    ).invoice;
    const books = invoice?.lines.filter(({ kind }) => kind === "allowance").map((line) => line.price_book);
    expect(books?.toSorted()).toEqual([before.hash, after.hash].toSorted());
    const fee = invoice?.lines.find(({ kind }) => kind === "flat_fee");
    expect(fee?.amount).toBe(decimal("20"));
  });
});
