import { describe, expect, it } from "vitest";
import { estimateOf, spentIn } from "../../../../services/domain/insight/spend.ts";
import { ONE } from "../../../../services/domain/money/decimal.ts";
import { rate } from "../../../../services/domain/rating/rate.ts";
import { parseHour } from "../../../../services/domain/time/hour.ts";
import { bookDocument, bookWith, demoBook, H100, usageRow } from "../../../support/builders/price-books.ts";

const hour = parseHour("2026-11-23T10:00:00Z") ?? 0;
const [card] = bookDocument()["gpus"] as object[];

describe("the estimate of usage that is not rated yet", () => {
  it("is what it will be charged by the book of its hour", () => {
    const rated = rate(usageRow(), demoBook());
    const later = bookWith({ effective_from: "2026-11-23T11:00:00Z", currency: "EUR" });
    expect(estimateOf({ ...usageRow(), hour }, [demoBook(), later])).toEqual({
      at: hour,
      project_id: "project-1",
      currency: "USD",
      amount: rated.kind === "charged" ? rated.charge.charge : null,
      is_estimate: true,
    });
    expect(estimateOf({ ...usageRow(), hour: hour + 3600 }, [demoBook(), later])?.currency).toBe("EUR");
  });

  it("takes the dearest price of a card whose MIG profile is not known", () => {
    const slice = { ...card, mig_profile: "1g.10gb", rate_per_gpu_hour: "9" };
    const book = bookWith({ gpus: [card, slice] });
    expect(estimateOf({ ...usageRow(), hour }, [book])?.amount).toBe((9n * 775n * ONE) / 1_000n);
    expect(estimateOf({ ...usageRow(), hour }, [bookWith({ gpus: [slice] })])?.amount).toBe(
      (9n * 775n * ONE) / 1_000n,
    );
  });

  it("is nothing where a tenant does not pay, or the book does not know the card, or there is none", () => {
    expect(estimateOf({ ...usageRow({ phase: "load" }), hour }, [demoBook()])).toBeNull();
    expect(estimateOf({ ...usageRow({ gpu_model: "another" }), hour }, [demoBook()])).toBeNull();
    expect(estimateOf({ ...usageRow(), hour: 0 }, [demoBook()])).toBeNull();
    expect(H100).not.toBe("another");
  });
});

it("spending is summed by project, time and currency, and says how much of it is an estimate", () => {
  const part = { at: hour, project_id: "a", currency: "USD", amount: 1n, is_estimate: false };
  const parts = [
    part,
    { ...part, project_id: "b", amount: 10n },
    { ...part, currency: "EUR", amount: 100n },
    { ...part, at: hour - 3600, amount: 1_000n },
    { ...part, at: hour + 3600, amount: 10_000n },
    { ...part, amount: 100_000n, is_estimate: true },
    { ...part, project_id: "b", amount: 1_000_000n, is_estimate: true },
  ];
  const of = { from: hour, to: hour + 3600, currency: "USD" };
  expect(spentIn(parts, { ...of, project_id: null })).toEqual({
    rated: 11n,
    estimated: 1_100_000n,
    estimated_hours: 1,
  });
  expect(spentIn(parts, { ...of, project_id: "a" })).toMatchObject({ rated: 1n, estimated: 100_000n });
});
