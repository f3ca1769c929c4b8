import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import type { Pricing } from "../app.ts";
import { type CreditNoteSummary, findCreditNote, numbered } from "../invoices.ts";
import { creditNoteCsv } from "../invoicing/csv.ts";
import { creditNotePage } from "../invoicing/page.ts";
import { shownCreditNote } from "../invoicing/shown.ts";
import { pageOf } from "../paging.ts";
import { page } from "../schemas.ts";
import { EVERYBODY, tenantFor } from "../tenants.ts";
import {
  CreditNoteParams,
  CreditNoteShape,
  CreditNoteSummaryShape,
  FormatQuery,
  ListQuery,
} from "./invoice-schemas.ts";

const PLACE = [/^[1-9][0-9]{0,9}$/];

/** What took invoices back. */
export function creditNoteRoutes(pricing: Pricing) {
  return [listCreditNotes(pricing), getCreditNote(pricing)];
}

const listCreditNotes = ({ documents }: Pricing) =>
  route({
    method: "GET",
    path: "/v1/credit-notes",
    operation: "listCreditNotes",
    summary: "Credit notes, the newest number first",
    scopes: EVERYBODY,
    query: ListQuery,
    reply: page(CreditNoteSummaryShape),
    async handle({ query: asked, caller }) {
      const tenant_id = tenantFor(caller, asked.tenant_id);
      if (typeof tenant_id !== "string") return tenant_id;
      const places = new Map<string, number>();
      return pageOf(
        asked,
        PLACE,
        async ([before], limit) => {
          const place = before === undefined ? undefined : Number(before);
          const found = await numbered<CreditNoteSummary>(documents, "credit_note", tenant_id, place, limit);
          for (const it of found) places.set(it.summary.credit_note_id, it.place);
          return found.map(({ summary }) => summary);
        },
        ({ credit_note_id }) => [String(places.get(credit_note_id))],
      );
    },
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
