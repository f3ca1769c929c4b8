import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import type { Invoicing as Deps } from "../../billing/invoices/draft-invoice.ts";
import { type Part, partsOf } from "../../billing/invoices/parts.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { splitByProject } from "../../domain/billing/split-cents.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { CHARGE_FACTORS } from "../../domain/rating/charges.ts";

import { formatHour } from "../../domain/time/hour.ts";
import { pageOf } from "../paging.ts";
import { PAGE, page, query } from "../schemas.ts";
import { InvoiceParams, LineParams, PartShape, ProjectsShape } from "./invoice-schemas.ts";
import { ownInvoice } from "./invoices.ts";

const PLACE = [/^[0-9]{1,9}$/];

/** An invoice looked at more closely: by project, and line by line down to its hours. */
export function invoiceLineRoutes(deps: Deps) {
  return [invoiceProjects(deps), invoiceLineHours(deps)];
}

const invoiceProjects = ({ documents }: Deps) =>
  route({
    method: "GET",
    path: "/v1/invoices/{invoice_id}/projects",
    operation: "invoiceProjects",
    summary: "Split an invoice by project",
    scopes: SCOPES,
    params: InvoiceParams,
    reply: ProjectsShape,
    async handle({ params: { invoice_id }, caller }) {
      const stored = await ownInvoice(documents, invoice_id, caller);
      if (stored === null) return problem("API_NOT_FOUND");
      const { currency, total } = stored.invoice;
      const projects = splitByProject(stored.invoice).map(({ project_id, total: share }) => {
        return { project_id, total: formatDecimal(share) };
      });
      const body = { invoice_id, currency, total: formatDecimal(total), projects };
      return { body, etag: stored.content_hash };
    },
  });

const invoiceLineHours = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/invoices/{invoice_id}/lines/{line_id}/hours",
    operation: "invoiceLineHours",
    summary: "List the hours behind an invoice line, with every factor; for an adjustment, before and after",
    scopes: SCOPES,
    params: LineParams,
    query: query(PAGE),
    reply: page(PartShape),
    async handle({ params: { invoice_id, line_id }, query, caller }) {
      const stored = await ownInvoice(deps.documents, invoice_id, caller);
      const line = stored?.invoice.lines.find((it) => it.line_id === line_id);
      if (stored === null || line === undefined) return problem("API_NOT_FOUND");
      const parts = await partsOf(deps, stored, line);
      if (parts === null) return problem("INVOICE_LINE_CHANGED");
      const places = new Map(parts.map((part, index) => [part, index + 1]));
      const rows = parts.map((part) => ({ ...toResponse(part), place: places.get(part) ?? 0 }));
      const response = await pageOf(
        query,
        PLACE,
        async ([after = "0"], limit) => rows.slice(Number(after), Number(after) + limit),
        ({ place }) => [String(place)],
      );
      if (!("body" in response)) return response;
      const items = response.body.items.map(({ place: _place, ...part }) => part);
      return { body: { ...response.body, items } };
    },
  });

function toResponse({ charge, side, charge_id, hour, revision, ...part }: Part) {
  const { model_version, sharing, phase, outcome, formula, apportionments } = charge;
  const terms = Object.fromEntries(CHARGE_FACTORS.map((name) => [name, formatDecimal(charge[name])])) as {
    [name in (typeof CHARGE_FACTORS)[number]]: string;
  };
  return {
    side,
    charge_id,
    hour: formatHour(hour),
    revision,
    model_version,
    sharing,
    phase,
    outcome,
    formula,
    charge_gpu_time_ns: String(charge.gpu_time_ns),
    charge_busy_ns: String(charge.busy_ns),
    events: String(charge.events),
    gpu_time_ns: String(part.gpu_time_ns),
    quantity: formatDecimal(part.quantity),
    unit_price: formatDecimal(part.unit_price),
    factor: formatDecimal(part.factor),
    amount: formatDecimal(part.amount),
    ...terms,
    apportionments: [...apportionments],
  };
}
