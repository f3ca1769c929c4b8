import { type Problem, problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { publishedBooks } from "../../billing/books/books.ts";
import { changeTenant } from "../../billing/contracts/change-tenant.ts";
import { buy, refund } from "../../billing/contracts/contract-changes.ts";
import { contractFrom } from "../../billing/contracts/contracts.ts";
import type { Invoicing } from "../../billing/invoices/draft-invoice.ts";
import { prepaidLeft } from "../../billing/invoices/prepaid-left.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import { inOrderOfExpiry, type Prepaid } from "../../domain/billing/prepaid.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { hourIn, pageOf } from "../paging.ts";
import { PAGE, page, query } from "../schemas.ts";
import {
  PackageBody,
  PackageParams,
  PackageShape,
  PurchaseShape,
  RefundBody,
  TenantParams,
} from "./contract-schemas.ts";
import { ownTenant } from "./tenants.ts";

interface Deps extends Omit<Invoicing, "seller"> {
  readonly newId: () => string;
}

const PLACE = [/^[A-Za-z0-9-]{1,64}$/];

/** Packages (prepaid units) and credits (prepaid money). */
export function packageRoutes(deps: Deps) {
  return [buyPackage(deps), refundPackage(deps), listPackages(deps)];
}

const buyPackage = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/tenants/{tenant_id}/packages",
    operation: "buyPackage",
    summary: "Buy a package or credit: an offer of the book in force at `starts_at`, or custom terms",
    scopes: OPERATORS,
    params: TenantParams,
    body: PackageBody,
    reply: PurchaseShape,
    status: 201,
    idempotent: true,
    async handle(request) {
      const starts_at = hourIn("body/starts_at", request.body.starts_at);
      if (typeof starts_at !== "number") return starts_at;
      const chosen = offerIn(request.body);
      if (isRefusal(chosen)) return chosen;
      const purchase = { prepaid_id: deps.newId(), starts_at, offer: chosen.offer };
      return changeTenant(
        deps,
        "buyPackage",
        request,
        (tenant, context) => buy(tenant, purchase, context),
        (part) => ({ body: toPurchase(part) }),
      );
    },
  });

const refundPackage = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/tenants/{tenant_id}/packages/{prepaid_id}/refund",
    operation: "refundPackage",
    summary: "Refund what is left of a package or credit, from an hour that has not been invoiced",
    scopes: OPERATORS,
    params: PackageParams,
    body: RefundBody,
    reply: PurchaseShape,
    idempotent: true,
    async handle(request) {
      const at = hourIn("body/at", request.body.at);
      if (typeof at !== "number") return at;
      const { prepaid_id } = request.params;
      return changeTenant(
        deps,
        "refundPackage",
        request,
        (tenant, context) => refund(tenant, prepaid_id, at, context),
        (part) => ({ body: toPurchase(part) }),
      );
    },
  });

const listPackages = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/tenants/{tenant_id}/packages",
    operation: "listPackages",
    summary:
      "List packages and credits with what is left, in the order in which they are drawn: earliest expiry first",
    scopes: SCOPES,
    params: TenantParams,
    query: query(PAGE),
    reply: page(PackageShape),
    async handle({ params: { tenant_id }, query, caller }) {
      const known = await ownTenant(deps, tenant_id, caller);
      if (known === null) return problem("API_NOT_FOUND");
      const inOrder = inOrderOfExpiry(known.tenant.prepaid);
      const left = await prepaidLeft(deps, contractFrom(known.tenant, await publishedBooks(deps)));
      return pageOf(
        query,
        PLACE,
        async ([after], limit) => {
          const start = inOrder.findIndex(({ prepaid_id }) => prepaid_id === after) + 1;
          return inOrder.slice(start, start + limit).map((it) => ({
            ...toPurchase(it),
            left: left.rated === null ? null : formatDecimal(left.rated(it)),
            left_invoiced: formatDecimal(left.invoiced(it)),
          }));
        },
        ({ prepaid_id }) => [prepaid_id],
      );
    },
  });

/** The name of an offer or terms; one of them and not both. */
function offerIn({ offer, terms }: { offer?: string; terms?: object }): { offer: string | object } | Problem {
  if (offer !== undefined && terms === undefined) return { offer };
  if (terms !== undefined && offer === undefined) return { offer: terms };
  const message = "must have either an offer of the price book or terms";
  return problem("API_REQUEST_INVALID", `body ${message}`, [{ path: "body", code: "offer", message }]);
}

function toPurchase(prepaid: Prepaid) {
  const { prepaid_id, name, unit, gpu_models, currency, quantity, price } = prepaid;
  const { starts_at, expires_at, refunded_at } = prepaid;
  return {
    prepaid_id,
    name,
    unit,
    gpu_models: [...gpu_models],
    currency,
    quantity: formatDecimal(quantity),
    price: formatDecimal(price),
    starts_at: formatHour(starts_at),
    expires_at: formatHour(expires_at),
    refunded_at: refunded_at === null ? null : formatHour(refunded_at),
  };
}
