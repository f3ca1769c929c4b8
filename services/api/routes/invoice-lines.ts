import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { EVERYBODY } from "../../billing/access/visibility.ts";
import { type Part, partsOf } from "../../billing/invoices/parts.ts";
import { splitByProject } from "../../domain/billing/split-cents.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { TERMS } from "../../domain/rating/charges.ts";
import { formatHour } from "../../domain/time/hour.ts";
import type { Pricing } from "../app.ts";
import { pageOf } from "../paging.ts";
import { PAGE, page, query } from "../schemas.ts";
import { InvoiceParams, LineParams, PartShape, ProjectsShape } from "./invoice-schemas.ts";
import { ownInvoice } from "./invoices.ts";

const PLACE = [/^[0-9]{1,9}$/];

/** An invoice looked at more closely: by project, and line by line down to its hours. */
export function invoiceLineRoutes(pricing: Pricing) {
  return [invoiceProjects(pricing), invoiceLineHours(pricing)];
}

const invoiceProjects = ({ documents }: Pricing) =>
  route({
    method: "GET",
    path: "/v1/invoices/{invoice_id}/projects",
    operation: "invoiceProjects",
    summary: "One invoice split over the tenant's projects",
    scopes: EVERYBODY,
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

const invoiceLineHours = (pricing: Pricing) =>
  route({
    method: "GET",
    path: "/v1/invoices/{invoice_id}/lines/{line_id}/hours",
    operation: "invoiceLineHours",
    summary: "The hours that a line adds up from, with every factor; of an adjustment what was and what is",
    scopes: EVERYBODY,
    params: LineParams,
    query: query(PAGE),
    reply: page(PartShape),
    async handle({ params: { invoice_id, line_id }, query: asked, caller }) {
      const stored = await ownInvoice(pricing.documents, invoice_id, caller);
      const line = stored?.invoice.lines.find((it) => it.line_id === line_id);
      if (stored === null || line === undefined) return problem("API_NOT_FOUND");
      const parts = await partsOf(pricing, stored, line);
      if (parts === null) return problem("INVOICE_LINE_CHANGED");
      const places = new Map(parts.map((part, index) => [part, index + 1]));
      const shownParts = parts.map((part) => ({ ...shown(part), place: places.get(part) ?? 0 }));
      const answer = await pageOf(
        asked,
        PLACE,
        async ([after = "0"], limit) => shownParts.slice(Number(after), Number(after) + limit),
        ({ place }) => [String(place)],
      );
      if (!("body" in answer)) return answer;
      const items = answer.body.items.map(({ place: _place, ...part }) => part);
      return { body: { ...answer.body, items } };
    },
  });

function shown({ charge, side, charge_id, hour, revision, ...part }: Part) {
  const { model_version, sharing, phase, outcome, formula, apportionments } = charge;
  const terms = Object.fromEntries(TERMS.map((name) => [name, formatDecimal(charge[name])])) as {
    [name in (typeof TERMS)[number]]: string;
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
