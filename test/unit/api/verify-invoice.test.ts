// An invoice against what it rests on: each kind of change gets its own finding.

import { expect, it } from "vitest";
import type { HourVerifier } from "../../../services/billing/verification/verify-hour.ts";
import type { InvoiceDocument } from "../../../services/domain/billing/invoice-document.ts";
import type { TenantCharges } from "../../../services/domain/ports/charges.ts";
import type { Documents } from "../../../services/domain/ports/documents.ts";
import type { TestDeps } from "../../support/flows/pricing-api.ts";
import {
  DECEMBER_FROM,
  type InvoicingApi,
  invoicingApi,
  NOVEMBER_FROM,
} from "../../support/flows/tenant-api.ts";

/** An invoice of two hours, and the API over what was changed since. */
async function invoiced(): Promise<{ own: InvoicingApi; invoice_id: string }> {
  const own = await invoicingApi();
  own.use("acme", 10, 1000);
  own.use("acme", 11, 2000);
  const { invoice_id } = await own.invoice(NOVEMBER_FROM);
  return { own, invoice_id: String(invoice_id) };
}

async function verified(
  { own, invoice_id }: Awaited<ReturnType<typeof invoiced>>,
  changes: Partial<TestDeps>,
  depth = "events",
) {
  const pricing = { ...own.pricing, ...changes };
  // The keys are documents of the first API; what it serves is changed under it.
  Object.assign(own.pricing, pricing);
  const { status, body } = await own.ask("acme", { url: `/v1/invoices/${invoice_id}/verify?depth=${depth}` });
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

const changedInvoice = (
  documents: Documents,
  change: (invoice: InvoiceDocument) => InvoiceDocument,
): Documents => {
  const changed = <It extends { readonly content: unknown }>(it: It): It => {
    const content = it.content as { invoice: InvoiceDocument };
    return { ...it, content: { ...content, invoice: change(content.invoice) } };
  };
  return new Proxy(documents, {
    get(target, name: keyof Documents) {
      if (name === "newest") {
        return async (kind: "invoice", id: string) => {
          const found = await target.newest(kind, id);
          return found === null || kind !== "invoice" ? found : changed(found);
        };
      }
      const member = target[name];
      return member.bind(target);
    },
  });
};

it("a changed line shows in the invoice's hash and in the line", async () => {
  const it = await invoiced();
  const documents = changedInvoice(it.own.pricing.documents, (invoice) => ({
    ...invoice,
    lines: invoice.lines.map((line) => ({ ...line, amount: "2.000000000000" })),
  }));
  const body = await verified(it, { documents });
  expect(body).toMatchObject({ matches: false, document_matches: false, charges: [], hours: [] });
  expect(body["lines"]).toMatchObject([
    { field: "amount", invoiced: "2.000000000000", recomputed: "1.614583333333" },
  ]);
});

it("a changed charge is no changed invoice: the usage still comes to the invoice", async () => {
  const it = await invoiced();
  const { charges } = it.own.pricing;
  const changed: TenantCharges = {
    revisions: (...question) => charges.revisions(...question),
    waiting: (...question) => charges.waiting(...question),
    hours: async (...question) => {
      const [first, ...rest] = await charges.hours(...question);
      if (first === undefined) return [];
      const [charge, ...others] = first.charges;
      if (charge === undefined) return [];
      return [{ ...first, charges: [{ ...charge, composite: 2n * charge.composite }, ...others] }, ...rest];
    },
  };
  const body = await verified(it, { charges: changed });
  expect(body).toMatchObject({ matches: false, document_matches: true, lines: [], hours: [] });
  expect(body["charges"]).toMatchObject([{ hour: "2026-11-01T10:00:00Z", field: "composite" }]);
  // Stored charges are all that is looked at: they no longer come to the invoice.
  const shallow = await verified(it, { charges: changed }, "lines");
  expect(shallow).toMatchObject({ matches: false, charges: [] });
  expect((shallow["lines"] as { field: string }[]).map(({ field }) => field)).toContain("quantity");
});

it("an hour that is gone is named, and the rest is computed without it", async () => {
  const it = await invoiced();
  const plain = it.own.pricing.verifier;
  const verifier: HourVerifier = {
    ...plain,
    verifyTenantHour: async (request, depth) =>
      request.hour % 7200 === 0 ? null : plain.verifyTenantHour(request, depth),
  };
  const body = await verified(it, { verifier });
  expect(body).toMatchObject({ matches: false, hours_checked: 2 });
  expect(body["hours"]).toMatchObject([{ hour: "2026-11-01T10:00:00Z", is_there: false }]);
  expect(body["lines"]).not.toEqual([]);
});

it("hours whose rows left the log are checked from their usage, and counted", async () => {
  const it = await invoiced();
  const depths: string[] = [];
  const plain = it.own.pricing.verifier;
  const verifier: HourVerifier = {
    ...plain,
    logFloor: async () => Date.parse("2026-11-01T10:00:00Z") / 1000,
    verifyTenantHour: (request, depth) => {
      depths.push(depth);
      return plain.verifyTenantHour(request, depth);
    },
  };
  expect(await verified(it, { verifier })).toMatchObject({ matches: true, hours_without_events: 1 });
  expect(depths).toEqual(["rows", "events"]);
});

it("a changed book is named, and so is a changed invoice before", async () => {
  const it = await invoiced();
  it.own.use("acme", 31 * 24, 500);
  const { invoice_id } = await it.own.invoice(DECEMBER_FROM);
  const second = { own: it.own, invoice_id: String(invoice_id) };
  const [book] = await it.own.pricing.books.published();
  const { documents, books } = it.own.pricing;
  const newestOf: Documents["newestOf"] = async (kind, ids) => {
    const found = await documents.newestOf(kind, ids);
    return found.map((own) => {
      if (kind !== "invoice" || own.id !== it.invoice_id) return own;
      const content = own.content as { invoice: InvoiceDocument };
      return { ...own, content: { ...content, invoice: { ...content.invoice, total: "9.990000000000" } } };
    });
  };
  const changed = new Proxy(documents, {
    get: (target, name: keyof Documents) => (name === "newestOf" ? newestOf : target[name].bind(target)),
  });
  expect(await verified(second, { documents: changed })).toMatchObject({
    matches: false,
    document_matches: true,
    changed_invoices: [it.invoice_id],
  });
  const content = String(book?.content).replace("2.50", "9.50");
  const published = async () => [{ hash: String(book?.hash), content: `${content} ` }];
  expect(await verified(second, { documents, books: { ...books, published } })).toMatchObject({
    matches: false,
    changed_books: [book?.hash],
    changed_invoices: [],
  });
});
