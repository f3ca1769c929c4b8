// Promises that hold whatever a tenant used and agreed to.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawnBefore, type InvoiceComputation } from "../../../../services/domain/billing/compute-invoice.ts";
import type { PublishedBook } from "../../../../services/domain/billing/contract-segments.ts";
import type { Invoice } from "../../../../services/domain/billing/invoice.ts";
import { type LineSums, lineKey } from "../../../../services/domain/billing/lines.ts";
import type { Prepaid } from "../../../../services/domain/billing/prepaid.ts";
import type { TenantHour } from "../../../../services/domain/billing/statement.ts";
import { bookWith, FULL_PLAN } from "../../../support/builders/price-books.ts";
import {
  DECEMBER,
  hourAt,
  input,
  invoiceOf,
  NOVEMBER,
  packageOf,
  publish,
  secondsOfUsage,
  settlementOf,
  TENANT,
  tenantHour,
} from "../../../support/builders/tenant-hours.ts";

const PLANS = [
  FULL_PLAN,
  {
    name: "volume",
    rates: [
      {
        name: "r",
        unit: "composite_gpu_hour",
        volume: [{ up_to: "2", unit_price: "2.7" }, { unit_price: "1.1" }],
      },
    ],
    allowances: [{ name: "free", rate: "r", quantity: "0.3" }],
    adjustments: [
      { name: "floor", minimum_commitment: "7" },
      { name: "deal", percentage_discount: "12.5" },
    ],
  },
  { name: "card", adjustments: [{ name: "voucher", fixed_discount: "1" }] },
];
const BOOKS = [
  publish(bookWith({ plans: PLANS })),
  publish(
    bookWith({ plans: PLANS.toReversed(), effective_from: "2026-11-20T00:00:00Z", name: "from the 20th" }),
  ),
];

const bookAt = (at: number): PublishedBook => {
  const book = BOOKS[at >= 19 * 24 ? 1 : 0];
  if (book === undefined) throw new Error("no book");
  return book;
};

const rows = fc.uniqueArray(
  fc.record({
    seconds: fc.integer({ min: 0, max: 9000 }),
    project: fc.constantFrom("a", "b"),
    model: fc.constantFrom("synthetic-7b", "other"),
    phase: fc.constantFrom("inference", "inference", "load"),
    gpu_time_ns: fc.option(fc.bigInt({ min: 0n, max: 20n }), { freq: 8 }),
  }),
  { selector: ({ project, model, phase }) => `${project} ${model} ${phase}`, maxLength: 4 },
);

/** Hours of November and December with usage, each in one revision. */
const usage = fc
  .dictionary(fc.integer({ min: 0, max: 61 * 24 - 1 }).map(String), rows, { maxKeys: 12 })
  .map((hours) => new Map(Object.entries(hours).map(([at, own]) => [Number(at), own])));
type Usage = typeof usage extends fc.Arbitrary<infer T> ? T : never;

function hoursOf(used: Usage, revision = 1): TenantHour[] {
  return [...used].map(([at, own]) => {
    const usageRows = own.map(({ seconds, project, model, phase, gpu_time_ns }) =>
      secondsOfUsage(seconds, {
        project_id: project,
        model,
        phase,
        ...(gpu_time_ns === null ? {} : { gpu_time_ns }),
      }),
    );
    return tenantHour(at, usageRows, bookAt(at), revision);
  });
}

const prepaid: fc.Arbitrary<Prepaid[]> = fc.uniqueArray(
  fc
    .record({
      id: fc.constantFrom("p1", "p2", "p3"),
      unit: fc.constantFrom("gpu_hour" as const, "composite_gpu_hour" as const, "currency" as const),
      quantity: fc.bigInt({ min: 1n, max: 5n * 10n ** 12n }),
      price: fc.bigInt({ min: 0n, max: 9n * 10n ** 12n }),
      starts: fc.integer({ min: -48, max: 800 }),
      hours: fc.integer({ min: 1, max: 2000 }),
      refunded: fc.option(fc.integer({ min: 0, max: 1500 })),
    })
    .map(({ id, unit, quantity, price, starts, hours, refunded }) =>
      packageOf({
        prepaid_id: id,
        unit,
        quantity,
        price,
        starts_at: hourAt(starts),
        expires_at: hourAt(starts + hours),
        refunded_at: refunded === null ? null : hourAt(starts + refunded),
      }),
    ),
  { selector: ({ prepaid_id }) => prepaid_id },
);

const contract = fc
  .record({
    prepaid,
    plan: fc.constantFrom("scale", "volume", "card"),
    from: fc.integer({ min: -10, max: 900 }),
    to: fc.option(fc.integer({ min: 901, max: 1500 })),
    next: fc.option(fc.constantFrom("scale", "volume", "card")),
  })
  .map((agreed): Partial<InvoiceComputation> => {
    const subscription = (id: string, plan: string, from: number, to: number | null) => ({
      subscription_id: id,
      tenant_id: TENANT,
      plan,
      from: hourAt(from),
      to: to === null ? null : hourAt(to),
    });
    const { plan, from, to, next } = agreed;
    const later = to === null || next === null ? [] : [subscription("s2", next, to, null)];
    return {
      books: BOOKS,
      prepaid: agreed.prepaid,
      subscriptions: [subscription("s1", plan, from, to), ...later],
    };
  });

const BOTH = [NOVEMBER, DECEMBER];
const sumOf = (lines: readonly LineSums[], name: keyof LineSums) =>
  lines.reduce((sum, line) => sum + line[name], 0n);

/** What invoices add up to, line by line; lines that cancel out are left out. */
function together(invoices: readonly (Invoice | null)[]) {
  const sums = new Map<string, LineSums>();
  for (const line of invoices.flatMap((invoice) => invoice?.lines ?? [])) {
    const key = lineKey(line);
    const pair = [line, ...[sums.get(key) ?? []].flat()];
    sums.set(key, {
      quantity: sumOf(pair, "quantity"),
      gpu_time_ns: sumOf(pair, "gpu_time_ns"),
      amount: sumOf(pair, "amount"),
    });
  }
  const kept = [...sums].filter(([, sum]) => Object.values(sum).some((value) => value !== 0n));
  return Object.fromEntries(kept);
}

describe("settlement", () => {
  it("invoices what comes to the final revisions, however they came: first invoices and adjustments add up", () => {
    fc.assert(
      fc.property(contract, usage, usage, usage, (agreed, early, middle, last) => {
        const given = { ...agreed, periods: BOTH };
        const first = settlementOf(input({ ...agreed, hours: hoursOf(early) })).invoice;
        const issued = first === null ? [] : [invoiceOf(first, 1n)];
        const inDecember = [...hoursOf(early), ...hoursOf(middle, 2)];
        const second = settlementOf(input({ ...given, hours: inDecember, invoices: issued })).invoice;
        const all = second === null ? issued : [...issued, invoiceOf(second, 2n)];
        const final = [...inDecember, ...hoursOf(last, 3)];
        const third = settlementOf(input({ ...given, hours: final, invoices: all }));

        const scratch = settlementOf(input({ ...given, hours: final }));
        expect(together([...all, third.invoice])).toEqual(together([scratch.invoice]));
        expect(third.closing).toEqual(scratch.closing);
        const done = third.invoice === null ? all : [...all, invoiceOf(third.invoice, 3n)];
        expect(settlementOf(input({ ...given, hours: final, invoices: done })).invoice).toBeNull();
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it("does the same again, whatever the order of hours and rows", () => {
    fc.assert(
      fc.property(contract, usage, (agreed, used) => {
        const hours = hoursOf(used);
        const turned = hours.map((hour) => ({ ...hour, charges: hour.charges.toReversed() })).toReversed();
        const once = settlementOf(input({ ...agreed, periods: BOTH, hours }));
        expect(settlementOf(input({ ...agreed, periods: BOTH, hours: turned }))).toEqual(once);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("overdraws nothing, and draws the same in one go or month by month", () => {
    fc.assert(
      fc.property(contract, usage, (agreed, used) => {
        const hours = hoursOf(used);
        const { closing, statements } = settlementOf(input({ ...agreed, periods: BOTH, hours }));
        for (const own of agreed.prepaid ?? []) {
          expect((closing.get(own.prepaid_id) ?? 0n) <= own.quantity).toBe(true);
        }
        const november = settlementOf(input({ ...agreed, hours }));
        const issued = november.invoice === null ? [] : [invoiceOf(november.invoice, 1n)];
        const opening = drawnBefore(issued, DECEMBER.from);
        const december = settlementOf(input({ ...agreed, periods: [DECEMBER], hours, opening }));
        expect(december.statements[0]).toEqual(statements[1]);
        const all = december.invoice === null ? issued : [...issued, invoiceOf(december.invoice, 2n)];
        expect(drawnBefore(all, DECEMBER.from)).toEqual(opening);
        for (const own of agreed.prepaid ?? []) {
          expect(december.closing.get(own.prepaid_id) ?? 0n).toBe(closing.get(own.prepaid_id) ?? 0n);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("has lines that add up to the invoice, allocations to the lines, and GPU time to the usage", () => {
    fc.assert(
      fc.property(contract, usage, (agreed, used) => {
        const hours = hoursOf(used);
        const { invoice, statements } = settlementOf(input({ ...agreed, periods: BOTH, hours }));
        const lines = invoice?.lines ?? [];
        expect(sumOf(lines, "amount")).toBe(invoice?.amount ?? 0n);
        for (const statement of statements) {
          for (const line of statement.lines) {
            const own = statement.allocations.filter(({ line_key }) => line_key === lineKey(line));
            if (own.length === 0) continue;
            expect([sumOf(own, "quantity"), sumOf(own, "amount")]).toEqual([line.quantity, line.amount]);
          }
        }
        const billable = hours.flatMap(({ charges }) => charges.filter(({ payer }) => payer === "tenant"));
        const used_ns = billable.reduce((sum, { gpu_time_ns }) => sum + gpu_time_ns, 0n);
        expect(sumOf(lines, "gpu_time_ns")).toBe(used_ns);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("without a plan invoices exactly the charges", () => {
    fc.assert(
      fc.property(usage, (used) => {
        const hours = hoursOf(used);
        const { invoice } = settlementOf(input({ books: BOOKS, periods: BOTH, hours }));
        const billable = hours.flatMap(({ charges }) => charges.filter(({ payer }) => payer === "tenant"));
        expect(invoice?.amount ?? 0n).toBe(billable.reduce((sum, { charge }) => sum + charge, 0n));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
