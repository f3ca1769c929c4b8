import { isProblem, type Problem } from "../../adapters/http/problem.ts";
import type { Caller, Reply } from "../../adapters/http/route.ts";
import { tenantFor } from "../../billing/access/visibility.ts";
import {
  type CreditNoteSummary,
  type InvoiceSummary,
  numbered,
  type Series,
} from "../../billing/invoices/invoices.ts";
import type { Pricing } from "../app.ts";
import { pageOf } from "../paging.ts";

/** A number of a series, or a place in a tenant's history. */
const PLACE = [/^[1-9][0-9]{0,9}$/];

interface ListAsked {
  readonly query: { readonly tenant_id?: string; readonly cursor?: string; readonly limit?: string };
  readonly caller: Caller;
}

/** A page of a series that the caller may see, the newest number first; `show` makes items of its summaries. */
export async function numberedPage<Summary extends InvoiceSummary | CreditNoteSummary, Item>(
  { documents }: Pick<Pricing, "documents">,
  series: Series,
  { query, caller }: ListAsked,
  show: (summaries: readonly Summary[]) => Promise<Item[]>,
): Promise<Reply<{ items: Item[]; next_cursor: string | null }> | Problem> {
  const tenant_id = tenantFor(caller, query.tenant_id);
  if (typeof tenant_id !== "string") return tenant_id;
  const answer = await pageOf(
    query,
    PLACE,
    ([before], limit) =>
      numbered<Summary>(
        documents,
        series,
        tenant_id,
        before === undefined ? undefined : Number(before),
        limit,
      ),
    ({ place }) => [String(place)],
  );
  if (isProblem(answer)) return answer;
  const { items, next_cursor } = answer.body;
  return { body: { items: await show(items.map(({ summary }) => summary)), next_cursor } };
}
