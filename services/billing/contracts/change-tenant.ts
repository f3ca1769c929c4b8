import { isProblem, type Problem, problem } from "../../adapters/http/problem.ts";
import type { Answer, Asked } from "../../adapters/http/route.ts";
import type { Pricing } from "../../api/app.ts";
import { once } from "../access/idempotency.ts";
import { publishedBooks } from "../books/books.ts";
import { invoicedUntil } from "../invoices/invoices.ts";
import type { Changed, Terms } from "./contract-changes.ts";
import { knownFrom, type Tenant, tenantContent } from "./contracts.ts";

type ChangeRequest = Asked<
  { readonly tenant_id: string },
  unknown,
  { readonly reason: string; readonly version?: number }
>;

/** Writes the next version of a tenant, once for the request, unless somebody else has changed it meanwhile. */
export function changeTenant<Part, Body>(
  pricing: Pricing,
  operation: string,
  asked: ChangeRequest,
  change: (tenant: Tenant, terms: Terms) => Changed<Part> | Problem,
  shown: (part: Part) => Body,
): Promise<Answer<Body>> {
  return once(pricing, operation, asked, async () => {
    const { params, body, caller } = asked;
    const written = await pricing.documents.newest("tenant", params.tenant_id);
    if (written === null) return problem("API_NOT_FOUND");
    if (body.version !== undefined && body.version !== written.version) return problem("API_VERSION_STALE");
    const terms = {
      books: await publishedBooks(pricing),
      invoicedUntil: await invoicedUntil(pricing.documents, params.tenant_id),
    };
    const changed = change(knownFrom(written).tenant, terms);
    if (isProblem(changed)) return changed;
    const document = {
      kind: "tenant" as const,
      id: params.tenant_id,
      version: written.version + 1,
      content: tenantContent(changed.tenant),
      written_by: caller.key_id,
      reason: body.reason,
    };
    return { documents: [document], reply: { body: shown(changed.part) } };
  });
}
