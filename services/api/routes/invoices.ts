import type { Static } from "typebox";
import { problem } from "../../adapters/http/problem.ts";
import { type Format, route } from "../../adapters/http/route.ts";
import { withIdempotencyKey } from "../../billing/access/idempotency.ts";
import { canSee } from "../../billing/access/visibility.ts";
import { BatchLoader } from "../../billing/cache/batch-loader.ts";
import { Cache } from "../../billing/cache/cache.ts";
import { draftTenantInvoice, type Invoicing, periodFrom } from "../../billing/invoices/draft-invoice.ts";
import { finalisePeriod, type Outcome } from "../../billing/invoices/finalise.ts";
import { everyTenant } from "../../billing/invoices/tenants.ts";
import type { VerificationDeps } from "../../billing/invoices/verify.ts";
import { verifyInvoice } from "../../billing/invoices/verify.ts";
import { voidByCreditNote } from "../../billing/invoices/void.ts";
import {
  findInvoice,
  type InvoiceSummary,
  type StoredInvoice,
  summaryOf,
  voidedAmong,
} from "../../billing/issued/issued-invoices.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { invoiceCsv } from "../invoices/csv.ts";
import { invoicePage } from "../invoices/page.ts";
import {
  toCreditNoteResponse,
  toDraftResponse,
  toInvoiceResponse,
  toSummaryResponse,
} from "../invoices/responses.ts";
import { toVerificationResponse } from "../invoices/verification-response.ts";
import { hourIn } from "../paging.ts";
import { page } from "../schemas.ts";
import {
  CreditNoteShape,
  DraftBody,
  DraftShape,
  FinaliseBody,
  FinaliseReply,
  FormatQuery,
  InvoiceParams,
  InvoiceShape,
  InvoiceSummaryShape,
  ListQuery,
  VoidInvoiceBody,
} from "./invoice-schemas.ts";
import { numberedPage } from "./numbered-page.ts";
import { DepthQuery, InvoiceVerificationShape } from "./verification-schemas.ts";

type Deps = Invoicing & VerificationDeps;

const WAITING_MAX = 100;

/** Invoices: computed as drafts, finalised with a number, voided by a credit note. */
export function invoiceRoutes(deps: Deps) {
  return [
    draftInvoice(deps),
    finaliseInvoices(deps),
    listInvoices(deps),
    getInvoice(deps),
    verifyStoredInvoice(deps),
    voidInvoice(deps),
  ];
}

const draftInvoice = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/invoices/draft",
    operation: "draftInvoice",
    cost: 5,
    summary: "Draft a tenant's invoice of a period; nothing is stored",
    scopes: SCOPES,
    body: DraftBody,
    reply: DraftShape,
    async handle({ body, caller }) {
      const { tenant_id } = body;
      if (!canSee(caller, tenant_id)) return problem("API_NOT_FOUND");
      const period = periodIn(body);
      if (isRefusal(period)) return period;
      const settled = await draftTenantInvoice(deps, tenant_id, period);
      if (isRefusal(settled)) return settled;
      const waiting = await deps.charges.waiting(tenant_id, period, WAITING_MAX);
      return { body: toDraftResponse(settled, waiting) };
    },
  });

const finaliseInvoices = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/invoices",
    operation: "finaliseInvoices",
    summary: "Finalise a period for one tenant or all; nothing is invoiced twice",
    scopes: OPERATORS,
    body: FinaliseBody,
    reply: FinaliseReply,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "finaliseInvoices", request, async () => {
        const period = periodIn(request.body);
        if (isRefusal(period)) return period;
        const { tenant_id } = request.body;
        const tenants = tenant_id === undefined ? await everyTenant(deps) : [tenant_id];
        const outcomes = await finalisePeriod(deps, tenants, period, request.caller.key_id);
        const [first] = outcomes;
        if (tenant_id !== undefined && first?.status === "refused") return first.refusal;
        const voided = await voidedOf(deps, outcomes);
        const results = outcomes
          .filter((it) => tenant_id !== undefined || !isNothing(it))
          .map((it) => toOutcomeResponse(it, voided));
        const { from, to } = period;
        const body = { period_from: formatHour(from), period_to: formatHour(to), results };
        return { documents: [], reply: { body } };
      }),
  });

const listInvoices = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/invoices",
    operation: "listInvoices",
    summary: "List invoices, including voided ones, newest number first",
    scopes: SCOPES,
    query: ListQuery,
    reply: page(InvoiceSummaryShape),
    handle: (request) =>
      numberedPage(deps, "invoice", request, async (found: readonly InvoiceSummary[]) => {
        const ids = found.map(({ invoice_id }) => invoice_id);
        const voided = await voidedAmong(deps.documents, ids);
        return found.map((summary) => toSummaryResponse(summary, voided.has(summary.invoice_id)));
      }),
  });

const getInvoice = ({ documents, clock }: Deps) => {
  const written = new Cache<WrittenInvoice>({
    clock,
    weightMax: WRITTEN_BYTES_MAX,
    weightOf: ({ content }) => content.length,
  });
  const voids = new BatchLoader((ids) => voidedAmong(documents, ids));
  return route({
    method: "GET",
    path: "/v1/invoices/{invoice_id}",
    operation: "getInvoice",
    summary: "Get an invoice with its lines and inputs; as CSV the lines, as HTML a printable page",
    scopes: SCOPES,
    params: InvoiceParams,
    query: FormatQuery,
    reply: InvoiceShape,
    formats: ["csv", "html"],
    async handle({ params: { invoice_id }, caller, format }) {
      // An invoice never changes; only whether it is voided has to be looked up.
      const voided = await voids.has(invoice_id);
      const key = `${invoice_id}-${voided ? "voided" : "finalised"}-${format}`;
      const known = written.peek(key) ?? (await writtenInvoice(documents, invoice_id, format));
      if (known === null || !canSee(caller, known.tenant_id)) {
        return problem("API_NOT_FOUND");
      }
      if (known.state === (voided ? "voided" : "finalised")) written.put(key, known);
      const { content, file_name, etag, state } = known;
      return { content, format, file_name, etag, isRevalidated: state !== "voided" };
    },
  });
};

interface WrittenInvoice {
  readonly tenant_id: string;
  readonly state: string;
  readonly content: Uint8Array;
  readonly file_name: string;
  readonly etag: string;
}

/** Of all invoices in memory. */
const WRITTEN_BYTES_MAX = 64 * 1024 * 1024;

async function writtenInvoice(
  documents: Documents,
  invoice_id: string,
  format: Format,
): Promise<WrittenInvoice | null> {
  const stored = await findInvoice(documents, invoice_id);
  if (stored === null) return null;
  const { tenant_id, state, number } = stored.invoice;
  const etag = `${stored.content_hash}-${state}-${format}`;
  const file_name = `invoice-${number}.${format}`;
  return { tenant_id, state, content: Buffer.from(textOf(stored, format)), file_name, etag };
}

function textOf(stored: StoredInvoice, format: Format): string {
  if (format === "csv") return invoiceCsv(stored);
  if (format === "html") return invoicePage(stored);
  const response: Static<typeof InvoiceShape> = toInvoiceResponse(stored);
  return JSON.stringify(response);
}

const verifyStoredInvoice = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/invoices/{invoice_id}/verify",
    operation: "verifyInvoice",
    cost: 10,
    summary:
      "Recompute an invoice from its events and report what differs: lines, charges, hours, keys, events",
    scopes: SCOPES,
    params: InvoiceParams,
    query: DepthQuery,
    reply: InvoiceVerificationShape,
    async handle({ params: { invoice_id }, query: { depth = "events" }, caller }) {
      const stored = await ownInvoice(deps.documents, invoice_id, caller);
      if (stored === null) return problem("API_NOT_FOUND");
      const verified = await verifyInvoice(deps, stored, depth);
      return { body: toVerificationResponse(stored, depth, verified) };
    },
  });

const voidInvoice = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/invoices/{invoice_id}/void",
    operation: "voidInvoice",
    summary: "Void an invoice with a credit note; its usage goes on the next invoice",
    scopes: OPERATORS,
    params: InvoiceParams,
    body: VoidInvoiceBody,
    reply: CreditNoteShape,
    status: 201,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "voidInvoice", request, async () => {
        const { reason } = request.body;
        const order = { reason, caller: request.caller };
        const note = await voidByCreditNote(deps, request.params.invoice_id, order);
        if (isRefusal(note)) return note;
        return { documents: [], reply: { body: toCreditNoteResponse(note) } };
      }),
  });

/** An invoice that the caller may see, or null. */
export async function ownInvoice(
  documents: Documents,
  invoice_id: string,
  caller: Caller,
): Promise<StoredInvoice | null> {
  const stored = await findInvoice(documents, invoice_id);
  return stored !== null && canSee(caller, stored.invoice.tenant_id) ? stored : null;
}

function periodIn(body: { readonly period_from: string; readonly period_to?: string }) {
  const from = hourIn("period_from", body.period_from);
  if (typeof from !== "number") return from;
  const to = body.period_to === undefined ? undefined : hourIn("period_to", body.period_to);
  return typeof to === "object" ? to : periodFrom(from, to);
}

function isNothing(outcome: Outcome): boolean {
  return outcome.status === "nothing_new" && outcome.stored === null;
}

function voidedOf({ documents }: Deps, outcomes: readonly Outcome[]): Promise<Set<string>> {
  const ids = outcomes.flatMap((it) =>
    it.status === "nothing_new" && it.stored !== null ? [it.stored] : [],
  );
  return voidedAmong(
    documents,
    ids.map(({ invoice }) => invoice.invoice_id),
  );
}

function toOutcomeResponse(outcome: Outcome, voided: ReadonlySet<string>) {
  const { tenant_id, status } = outcome;
  if (outcome.status === "refused") {
    const { refusal: code, detail, faults } = outcome.refusal;
    const about = [detail, ...faults.map(({ path, message }) => `${path} ${message}`)].filter(
      (it) => it !== "",
    );
    return { tenant_id, status, invoice: null, code, detail: about.join("; ") };
  }
  const summary = outcome.stored === null ? null : summaryOf(outcome.stored);
  const invoice = summary === null ? null : toSummaryResponse(summary, voided.has(summary.invoice_id));
  return { tenant_id, status, invoice, code: null, detail: "" };
}
