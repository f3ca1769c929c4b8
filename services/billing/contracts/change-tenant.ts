import { isRefusal, type Refusal, refuse } from "../../domain/access/refusal.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import { type KeyedRequest, withIdempotencyKey } from "../access/idempotency.ts";
import { type BookShelf, publishedBooks } from "../books/books.ts";
import { invoicedUntil } from "../issued/issued-invoices.ts";
import type { ChangeContext, Changed } from "./contract-changes.ts";
import { knownFrom, type Tenant, tenantContent } from "./contracts.ts";

export interface ChangeRequest extends KeyedRequest {
  readonly params: { readonly tenant_id: string };
  readonly body: { readonly reason: string; readonly version?: number };
}

/** Writes the next version of a tenant, once per idempotency key, unless somebody else has changed it meanwhile. */
export function changeTenant<Part, Reply extends object>(
  deps: Pick<BookShelf, "books" | "hash"> & { readonly documents: Documents },
  operation: string,
  request: ChangeRequest,
  change: (tenant: Tenant, context: ChangeContext) => Changed<Part> | Refusal,
  toReply: (part: Part) => Reply,
): Promise<Reply | Refusal> {
  return withIdempotencyKey(deps, operation, request, async () => {
    const { params, body, caller } = request;
    const written = await deps.documents.newest("tenant", params.tenant_id);
    if (written === null) return refuse("API_NOT_FOUND");
    if (body.version !== undefined && body.version !== written.version) return refuse("API_VERSION_STALE");
    const context = {
      books: await publishedBooks(deps),
      invoicedUntil: await invoicedUntil(deps.documents, params.tenant_id),
    };
    const changed = change(knownFrom(written).tenant, context);
    if (isRefusal(changed)) return changed as Refusal;
    const document = {
      kind: "tenant" as const,
      id: params.tenant_id,
      version: written.version + 1,
      content: tenantContent(changed.tenant),
      written_by: caller.key_id,
      reason: body.reason,
    };
    return { documents: [document], reply: toReply(changed.part) };
  });
}
