import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { canSee } from "../../billing/access/visibility.ts";
import { type CreditNoteSummary, findCreditNote } from "../../billing/issued/issued-invoices.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import { creditNoteCsv } from "../invoices/csv.ts";
import { creditNotePage } from "../invoices/page.ts";
import { toCreditNoteResponse } from "../invoices/responses.ts";
import { page } from "../schemas.ts";
import {
  CreditNoteParams,
  CreditNoteShape,
  CreditNoteSummaryShape,
  FormatQuery,
  ListQuery,
} from "./invoice-schemas.ts";
import { numberedPage } from "./numbered-page.ts";

interface Deps {
  readonly documents: Documents;
}

/** What took invoices back. */
export function creditNoteRoutes(deps: Deps) {
  return [listCreditNotes(deps), getCreditNote(deps)];
}

const listCreditNotes = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/credit-notes",
    operation: "listCreditNotes",
    summary: "List credit notes, newest number first",
    scopes: SCOPES,
    query: ListQuery,
    reply: page(CreditNoteSummaryShape),
    handle: (request) =>
      numberedPage(deps, "credit_note", request, async (found: readonly CreditNoteSummary[]) => [...found]),
  });

const getCreditNote = ({ documents }: Deps) =>
  route({
    method: "GET",
    path: "/v1/credit-notes/{credit_note_id}",
    operation: "getCreditNote",
    summary: "Get a credit note: the lines of its invoice with the opposite sign",
    scopes: SCOPES,
    params: CreditNoteParams,
    query: FormatQuery,
    reply: CreditNoteShape,
    formats: ["csv", "html"],
    async handle({ params: { credit_note_id }, caller, format }) {
      const stored = await findCreditNote(documents, credit_note_id);
      if (stored === null || !canSee(caller, stored.note.tenant_id)) return problem("API_NOT_FOUND");
      const etag = `${credit_note_id}-${format}`;
      if (format === "json") return { body: toCreditNoteResponse(stored), etag };
      const content = format === "csv" ? creditNoteCsv(stored) : creditNotePage(stored);
      return { content, format, file_name: `credit-note-${stored.note.number}.${format}`, etag };
    },
  });
