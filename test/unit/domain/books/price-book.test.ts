import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bookInForce,
  canonicalPriceBook,
  overlaps,
  readPriceBook,
} from "../../../../services/domain/books/price-book.ts";
import { ONE } from "../../../../services/domain/money/decimal.ts";
import { parseHour } from "../../../../services/domain/time/hour.ts";
import { bookDocument, busyBook, busyBookDocument, demoBook } from "../../../support/builders/price-books.ts";

type Document = Record<string, unknown>;

/** The demo's book with the value at a path such as "gpus.0.weights.time" replaced, or taken out by undefined. */
function changed(...changes: [path: string, value: unknown][]): Document {
  const document = bookDocument();
  for (const [path, value] of changes) {
    const names = path.split(".");
    const last = names.pop() ?? "";
    const parent = names.reduce((node, name) => node[name] as Document, document);
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  }
  return document;
}

function faultsOf(document: unknown): string[] {
  const read = readPriceBook(document);
  return read.ok ? [] : read.faults.map(({ path, code }) => `${path} ${code}`);
}

describe("readPriceBook", () => {
  it("reads the demo's book", () => {
    expect(faultsOf(bookDocument())).toEqual([]);
    expect(demoBook().gpus[0]?.rate_per_gpu_hour).toBe(2_500_000_000_000n);
  });

  it.each<[string, unknown, string]>([
    ["gpus.0.rate_per_gpu_hour", undefined, "gpus[0].rate_per_gpu_hour PRICE_BOOK_FIELD_MISSING"],
    ["gpus.0.rate_per_gpu_hour", "-2.50", "gpus[0].rate_per_gpu_hour PRICE_BOOK_NEGATIVE"],
    ["gpus.0.rate_per_gpu_hour", 2.5, "gpus[0].rate_per_gpu_hour PRICE_BOOK_NOT_A_DECIMAL"],
    ["gpus.0.rate_per_gpu_hour", "2.5000000000001", "gpus[0].rate_per_gpu_hour PRICE_BOOK_TOO_MANY_DIGITS"],
    ["gpus.0.reference", undefined, "gpus[0].reference PRICE_BOOK_FIELD_MISSING"],
    ["gpus.0.reference.memory_bytes", 0, "gpus[0].reference.memory_bytes PRICE_BOOK_NOT_A_COUNT"],
    ["gpus.0.reference.power_limit_mw", 1.5, "gpus[0].reference.power_limit_mw PRICE_BOOK_NOT_A_COUNT"],
    ["gpus.0.weights.time", "0.61", "gpus[0].weights PRICE_BOOK_WEIGHTS_SUM"],
    ["gpus.0.weights.time", "0.600000000001", "gpus[0].weights PRICE_BOOK_WEIGHTS_SUM"],
    ["gpus.0.weights.power", undefined, "gpus[0].weights.power PRICE_BOOK_FIELD_MISSING"],
    ["gpus.0.generation", "4.1", "gpus[0].generation PRICE_BOOK_FACTOR_TOO_LARGE"],
    ["gpus", [], "gpus PRICE_BOOK_NOT_A_LIST"],
    ["gpus", {}, "gpus PRICE_BOOK_NOT_A_LIST"],
    ["gpus.0", null, "gpus[0] PRICE_BOOK_NOT_AN_OBJECT"],
    ["tiers", [], "tiers PRICE_BOOK_FIELD_UNKNOWN"],
    ["gpus.0.discount", "0.1", "gpus[0].discount PRICE_BOOK_FIELD_UNKNOWN"],
    ["quality.sharing.mig", "1", "quality.sharing.mig PRICE_BOOK_FIELD_UNKNOWN"],
    ["quality.contention.min", "1.5", "quality.contention.min PRICE_BOOK_MIN_ABOVE_MAX"],
    ["effective_from", "2026-01-01T00:30:00Z", "effective_from PRICE_BOOK_NOT_AN_HOUR"],
    ["effective_from", "2026-02-30T00:00:00Z", "effective_from PRICE_BOOK_NOT_AN_HOUR"],
    ["effective_from", 0, "effective_from PRICE_BOOK_NOT_AN_HOUR"],
    ["currency", "usd", "currency PRICE_BOOK_CURRENCY"],
    ["formula", "composite@9", "formula PRICE_BOOK_FORMULA_UNKNOWN"],
    ["phases.inference", "nobody", "phases.inference PRICE_BOOK_PAYER"],
    ["phases.warmup", "tenant", "phases.warmup PRICE_BOOK_COLD_START"],
    ["operator_tenant_id", "", "operator_tenant_id PRICE_BOOK_NOT_A_TEXT"],
  ])("%s = %j: %s", (path, value, fault) => {
    expect(faultsOf(changed([path, value]))).toEqual([fault]);
  });

  it("names every fault at once, with a sentence for each", () => {
    const document = changed(
      ["currency", "usd"],
      ["gpus.0.rate_per_gpu_hour", "-1"],
      ["gpus.0.weights.time", "0.7"],
      ["tiers", []],
      ["effective_from", "noon"],
    );
    const read = readPriceBook(document);
    expect(read.ok).toBe(false);
    if (read.ok) return;
    expect(read.faults.map(({ path }) => path).toSorted()).toEqual([
      "currency",
      "effective_from",
      "gpus[0].rate_per_gpu_hour",
      "gpus[0].weights",
      "tiers",
    ]);
    expect(read.faults.map(({ message }) => message)).toContain("gpus[0].weights must add up to exactly 1");
  });

  it("finds a card that is priced twice, but not its MIG profiles", () => {
    const [gpu] = bookDocument()["gpus"] as Document[];
    expect(faultsOf(changed(["gpus", [gpu, gpu]]))).toEqual(["gpus[1].gpu_model PRICE_BOOK_GPU_TWICE"]);
    expect(faultsOf(changed(["gpus", [gpu, { ...gpu, mig_profile: "3g.40gb" }]]))).toEqual([]);
  });

  it("answers whatever JSON it is given", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (document) => {
        expect(readPriceBook(document).ok).toBe(false);
      }),
    );
  });
});

describe("a book of composite@2", () => {
  const book = busyBookDocument;

  it("weighs busy and held time, and no elapsed time", () => {
    expect(faultsOf(book())).toEqual([]);
    expect(busyBook().gpus[0]?.weights).toMatchObject({ time: 0n, busy: ONE / 2n, held: ONE / 5n });
    const old = (bookDocument()["gpus"] as Document[])[0]?.["weights"];
    const [gpu] = book()["gpus"] as Document[];
    expect(faultsOf({ ...book(), gpus: [{ ...gpu, weights: old }] })).toEqual([
      "gpus[0].weights.time PRICE_BOOK_FIELD_UNKNOWN",
      "gpus[0].weights.busy PRICE_BOOK_FIELD_MISSING",
      "gpus[0].weights.held PRICE_BOOK_FIELD_MISSING",
    ]);
    expect(faultsOf(changed(["formula", "composite@2"], ["quality", undefined]))).toContain(
      "gpus[0].weights.busy PRICE_BOOK_FIELD_MISSING",
    );
  });

  it("must not set contention, as it would count busy time twice", () => {
    const contention = { min: "0.5", max: "1" };
    const document = { ...book(), quality: { ...(book()["quality"] as Document), contention } };
    expect(faultsOf(document)).toEqual(["quality.contention PRICE_BOOK_CONTENTION"]);
  });

  it("is written without contention, and read again as it was", () => {
    const written = canonicalPriceBook(busyBook());
    expect(written).not.toContain("contention");
    expect(readPriceBook(JSON.parse(written))).toEqual({ ok: true, book: busyBook() });
  });

  it("leaves books of composite@1 with the hash that they had", () => {
    const hash = createHash("sha256").update(canonicalPriceBook(demoBook())).digest("hex");
    expect(hash).toBe("211b41fa77e4294adda87c94d9962e38cdb1dba77dd31fe6ec17505e6d798e64");
  });
});

describe("several books", () => {
  const at = (hour: string, name = hour) => ({
    ...demoBook(),
    name,
    effective_from: parseHour(hour) ?? Number.NaN,
  });

  it("overlap where two take effect from the same hour", () => {
    const january = at("2026-01-01T00:00:00Z", "january");
    expect(overlaps([january, at("2026-02-01T00:00:00Z")])).toEqual([]);
    expect(overlaps([january, { ...january, name: "again" }])).toMatchObject([
      { path: "again: effective_from", code: "PRICE_BOOK_OVERLAP" },
    ]);
  });

  it("the latest that has taken effect is in force, from its first hour on", () => {
    const books = [at("2026-02-01T00:00:00Z", "february"), at("2026-01-01T00:00:00Z", "january")];
    const inForce = (hour: string) => bookInForce(books, parseHour(hour) ?? 0)?.name ?? null;
    expect(inForce("2025-12-31T23:00:00Z")).toBe(null);
    expect(inForce("2026-01-01T00:00:00Z")).toBe("january");
    expect(inForce("2026-01-31T23:00:00Z")).toBe("january");
    expect(inForce("2026-02-01T00:00:00Z")).toBe("february");
    expect(inForce("2030-01-01T00:00:00Z")).toBe("february");
  });
});

describe("canonicalPriceBook", () => {
  it("is the same whatever the order of fields and the writing of decimals, and reads back as itself", () => {
    const book = demoBook();
    const reversed = Object.fromEntries(Object.entries(bookDocument()).reverse());
    const read = readPriceBook(reversed);
    expect(read.ok && canonicalPriceBook(read.book)).toBe(canonicalPriceBook(book));
    const again = readPriceBook(JSON.parse(canonicalPriceBook(book)));
    expect(again).toEqual({ ok: true, book });
  });

  it("differs where a price differs", () => {
    const read = readPriceBook(changed(["gpus.0.rate_per_gpu_hour", "2.51"]));
    expect(read.ok && canonicalPriceBook(read.book)).not.toBe(canonicalPriceBook(demoBook()));
  });
});
