import type { Problem } from "../../adapters/http/problem.ts";
import type { Reply } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import {
  type CreditNoteSummary,
  type InvoiceSummary,
  numbered,
  type Series,
} from "../../billing/issued/issued-invoices.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import { pageOf } from "../paging.ts";

/** A number of a series, or a place in a tenant's history. */
const PLACE = [/^[1-9][0-9]{0,9}$/];

interface ListRequest {
  readonly query: { readonly tenant_id?: string; readonly cursor?: string; readonly limit?: string };
  readonly caller: Caller;
}

/** A page of a series that the caller may see, the newest number first; `toItems` makes items of its summaries. */
export async function numberedPage<Summary extends InvoiceSummary | CreditNoteSummary, Item>(
  { documents }: { readonly documents: Documents },
  series: Series,
  { query, caller }: ListRequest,
  toItems: (summaries: readonly Summary[]) => Promise<Item[]>,
): Promise<Reply<{ items: Item[]; next_cursor: string | null }> | Problem> {
  const audience = audienceOf(caller, query.tenant_id);
  if (isRefusal(audience)) return audience;
  const response = await pageOf(
    query,
    PLACE,
    ([before], limit) =>
      numbered<Summary>(
        documents,
        series,
        audience,
        before === undefined ? undefined : Number(before),
        limit,
      ),
    ({ place }) => [String(place)],
  );
  if (isRefusal(response)) return response;
  const { items, next_cursor } = response.body;
  return { body: { items: await toItems(items.map(({ summary }) => summary)), next_cursor } };
}
