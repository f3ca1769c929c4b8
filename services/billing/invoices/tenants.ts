import { listTenants } from "../contracts/contracts.ts";
import type { Invoicing } from "./draft-invoice.ts";

const AT_ONCE = 1_000;

/** Every tenant that was registered or has charges. */
export async function everyTenant(pricing: Invoicing): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ""; ; ) {
    const found = await listTenants(pricing, after, AT_ONCE);
    ids.push(...found.map(({ tenant }) => tenant.tenant_id));
    const last = ids.at(-1);
    if (found.length < AT_ONCE || last === undefined) return ids;
    after = last;
  }
}
