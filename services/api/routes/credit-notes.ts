import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { EVERYBODY } from "../../billing/access/visibility.ts";
import { type CreditNoteSummary, findCreditNote } from "../../billing/invoices/invoices.ts";
import type { Pricing } from "../app.ts";
import { creditNoteCsv } from "../invoices/csv.ts";
import { creditNotePage } from "../invoices/page.ts";
import { shownCreditNote } from "../invoices/responses.ts";
import { page } from "../schemas.ts";
import {
  CreditNoteParams,
  CreditNoteShape,
  CreditNoteSummaryShape,
  FormatQuery,
  ListQuery,
} from "./invoice-schemas.ts";
import { numberedPage } from "./numbered-page.ts";

/** What took invoices back. */
export function creditNoteRoutes(pricing: Pricing) {
  return [listCreditNotes(pricing), getCreditNote(pricing)];
}

const listCreditNotes = (pricing: Pricing) =>
  route({
    method: "GET",
    path: "/v1/credit-notes",
    operation: "listCreditNotes",
    summary: "Credit notes, the newest number first",
    scopes: EVERYBODY,
    query: ListQuery,
    reply: page(CreditNoteSummaryShape),
    handle: (asked) =>
      numberedPage(pricing, "credit_note", asked, async (found: readonly CreditNoteSummary[]) => [...found]),
  });

const getCreditNote = ({ documents }: Pricing) =>
  route({
    method: "GET",
    path: "/v1/credit-notes/{credit_note_id}",
    operation: "getCreditNote",
    summary: "A credit note: the lines of the invoice that it takes back, with the opposite sign",
    scopes: EVERYBODY,
    params: CreditNoteParams,
    query: FormatQuery,
    reply: CreditNoteShape,
    formats: ["csv", "html"],
    async handle({ params: { credit_note_id }, caller, format }) {
      const stored = await findCreditNote(documents, credit_note_id);
      const isOwn = caller.scope !== "tenant" || stored?.note.tenant_id === caller.tenant_id;
      if (stored === null || !isOwn) return problem("API_NOT_FOUND");
      const etag = `${credit_note_id}-${format}`;
      if (format === "json") return { body: shownCreditNote(stored), etag };
      const content = format === "csv" ? creditNoteCsv(stored) : creditNotePage(stored);
      return { content, format, file_name: `credit-note-${stored.note.number}.${format}`, etag };
    },
  });
