import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { withIdempotencyKey } from "../../billing/access/idempotency.ts";
import { canSee } from "../../billing/access/visibility.ts";
import { publishedBooks } from "../../billing/books/books.ts";
import type { ContractDeps as Deps } from "../../billing/contracts/contracts.ts";
import {
  findTenant,
  type KnownTenant,
  knownFrom,
  listTenants,
  tenantContent,
} from "../../billing/contracts/contracts.ts";
import { invoicesOf } from "../../billing/issued/issued-invoices.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isoText } from "../../domain/time/hour.ts";
import { pageOf } from "../paging.ts";
import { PAGE, page, query } from "../schemas.ts";
import { TenantBody, TenantChange, TenantParams, TenantShape } from "./contract-schemas.ts";

const TENANT_PLACE = [/^[^\0]{1,128}$/];
const VERSION_PLACE = [/^[0-9]{1,9}$/];
const VERSIONS_MAX = 10_000;

/** Tenants: registered once; every change of their contract stays. */
export function tenantRoutes(deps: Deps) {
  return [createTenant(deps), listAllTenants(deps), getTenant(deps), tenantHistory(deps)];
}

const createTenant = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/tenants",
    operation: "createTenant",
    summary: "Create a tenant and its invoicing currency",
    scopes: OPERATORS,
    body: TenantBody,
    reply: TenantShape,
    status: 201,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "createTenant", request, async () => {
        const { reason, ...named } = request.body;
        const { documents, clock } = deps;
        if ((await documents.newest("tenant", named.tenant_id)) !== null) return problem("TENANT_EXISTS");
        const books = await publishedBooks(deps);
        if (!books.some(({ currency }) => currency === named.currency)) {
          return problem("CONTRACT_CURRENCY", `no published price book is in ${named.currency}`);
        }
        const { invoices } = await invoicesOf(documents, named.tenant_id);
        const invoiced = invoices.find(({ invoice }) => invoice.currency !== named.currency)?.invoice;
        if (invoiced !== undefined) {
          return problem("CONTRACT_CURRENCY", `the tenant was invoiced in ${invoiced.currency} already`);
        }
        const nothing = { action: "created", about: "", subscriptions: [], prepaid: [] } as const;
        const tenant = { ...named, ...nothing };
        const document = {
          kind: "tenant" as const,
          id: tenant.tenant_id,
          version: 1,
          content: tenantContent(tenant),
          written_by: request.caller.key_id,
          reason,
        };
        return {
          documents: [document],
          reply: { body: toResponse({ tenant, version: 1, written_at: clock.nowMs() }) },
        };
      }),
  });

const listAllTenants = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/tenants",
    operation: "listTenants",
    summary: "List tenants that were created or have charges; a tenant sees only itself",
    scopes: SCOPES,
    query: query(PAGE),
    reply: page(TenantShape),
    handle: ({ query, caller }) =>
      pageOf(
        query,
        TENANT_PLACE,
        async ([after = ""], limit) => {
          if (caller.scope !== "tenant") return (await listTenants(deps, after, limit)).map(toResponse);
          const own = after < caller.tenant_id ? await ownTenant(deps, caller.tenant_id, caller) : null;
          return own === null ? [] : [toResponse(own)];
        },
        ({ tenant_id }) => [tenant_id],
      ),
  });

const getTenant = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/tenants/{tenant_id}",
    operation: "getTenant",
    summary: "Get a tenant",
    scopes: SCOPES,
    params: TenantParams,
    reply: TenantShape,
    async handle({ params: { tenant_id }, caller }) {
      const tenant = await ownTenant(deps, tenant_id, caller);
      return tenant === null ? problem("API_NOT_FOUND") : { body: toResponse(tenant) };
    },
  });

const tenantHistory = ({ documents }: Deps) =>
  route({
    method: "GET",
    path: "/v1/tenants/{tenant_id}/history",
    operation: "tenantHistory",
    summary: "List changes to a tenant's contract, newest first: who, when and why",
    scopes: OPERATORS,
    params: TenantParams,
    query: query(PAGE),
    reply: page(TenantChange),
    handle: ({ params: { tenant_id }, query }) =>
      pageOf(
        query,
        VERSION_PLACE,
        async ([before], limit) => {
          const versions = await documents.versions("tenant", tenant_id, VERSIONS_MAX);
          const rest = versions.filter(({ version }) => before === undefined || version < Number(before));
          return rest.slice(0, limit).map((written) => {
            const { version, reason, written_by, written_at } = written;
            const { action, about } = knownFrom(written).tenant;
            return { version, action, about, reason, written_by, written_at: isoText(written_at) };
          });
        },
        ({ version }) => [String(version)],
      ),
  });

/** A tenant that the caller may see, or null. */
export async function ownTenant(deps: Deps, tenant_id: string, caller: Caller): Promise<KnownTenant | null> {
  if (!canSee(caller, tenant_id)) return null;
  return findTenant(deps, tenant_id, await publishedBooks(deps));
}

function toResponse({ tenant: { tenant_id, name, currency }, version, written_at }: KnownTenant) {
  return {
    tenant_id,
    name,
    currency,
    version,
    written_at: written_at === null ? null : isoText(written_at),
  };
}
