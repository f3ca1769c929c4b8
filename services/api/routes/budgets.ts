import { type Problem, problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { withIdempotencyKey } from "../../billing/access/idempotency.ts";
import { audienceOf, canSee } from "../../billing/access/visibility.ts";
import { publishedBooks } from "../../billing/books/books.ts";
import {
  budgetContent,
  budgetFrom,
  budgetStatusAt,
  periodAt,
  type TenantBudget,
} from "../../billing/budgets/budgets.ts";
import type { SpendSource } from "../../billing/budgets/spend.ts";
import { createSpending } from "../../billing/budgets/spend.ts";
import { Cache } from "../../billing/cache/cache.ts";
import type { ContractDeps } from "../../billing/contracts/contracts.ts";
import { findTenant } from "../../billing/contracts/contracts.ts";
import { everyDocument } from "../../billing/documents/every-document.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import { monthOf } from "../../domain/billing/periods.ts";
import { formatDecimal, parseDecimal } from "../../domain/money/decimal.ts";
import type { WrittenDocument } from "../../domain/ports/documents.ts";

import { formatHour, hourOf, isoText } from "../../domain/time/hour.ts";
import { pageOf } from "../paging.ts";
import { page } from "../schemas.ts";
import {
  BudgetBody,
  BudgetParams,
  BudgetQuery,
  BudgetShape,
  BudgetStatusShape,
  EndBudgetBody,
  StatusQuery,
} from "./budget-schemas.ts";

interface Deps extends Omit<ContractDeps, "ledger"> {
  readonly ledger: ContractDeps["ledger"] & SpendSource["ledger"];
  /** What is wrong with the URL of a webhook, or null. */
  readonly webhookFault: (url: string) => string | null;
  readonly newId: () => string;
}

const PLACE = [/^[0-9a-f]{16}-[A-Za-z0-9-]{1,40}$/];
const PREFIX_LENGTH = 16;
const AGE_S_DEFAULT = 5;
/** Budgets kept in memory for their status. */
const BUDGETS_MAX = 10_000;

/** Budgets, and how they stand. */
export function budgetRoutes(deps: Deps) {
  return [createBudget(deps), listBudgets(deps), getBudget(deps), endBudget(deps), budgetStanding(deps)];
}

const createBudget = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/budgets",
    operation: "createBudget",
    summary: "Create a budget of a tenant or project per day or month, with the thresholds that raise alerts",
    scopes: OPERATORS,
    body: BudgetBody,
    reply: BudgetShape,
    status: 201,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "createBudget", request, async () => {
        const { reason, amount: text, project_id = null, webhook_url = null, ...named } = request.body;
        const amount = amountIn(text);
        if (typeof amount !== "bigint") return amount;
        const fault = webhook_url === null ? null : deps.webhookFault(webhook_url);
        if (fault !== null) return problem("BUDGET_WEBHOOK", `webhook_url ${fault}`);
        const known = await findTenant(deps, named.tenant_id, await publishedBooks(deps));
        if (known === null) return problem("API_NOT_FOUND");
        const budget_id = `${prefixOf(deps, named.tenant_id)}${deps.newId()}`;
        const { currency } = known.tenant;
        const budget = { ...named, budget_id, amount, project_id, webhook_url, currency, is_ended: false };
        const written = documentOf(budget, 1, request.caller, reason);
        const body = toResponse({ ...written, written_at: deps.clock.nowMs() });
        return { documents: [{ kind: "budget" as const, ...written }], reply: { body } };
      }),
  });

const listBudgets = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/budgets",
    operation: "listBudgets",
    summary: "List budgets, including ended ones",
    scopes: SCOPES,
    query: BudgetQuery,
    reply: page(BudgetShape),
    async handle({ query, caller }) {
      const audience = audienceOf(caller, query.tenant_id);
      if (isRefusal(audience)) return audience;
      const prefix = audience.kind === "all" ? "" : prefixOf(deps, audience.tenant_id);
      return pageOf(
        query,
        PLACE,
        async ([after = prefix], limit) => {
          const found: ReturnType<typeof toResponse>[] = [];
          const from = after > prefix ? after : prefix;
          for await (const written of everyDocument(deps.documents, "budget", from)) {
            if (!written.id.startsWith(prefix) || found.length === limit) break;
            found.push(toResponse(written));
          }
          return found;
        },
        ({ budget_id }) => [budget_id],
      );
    },
  });

const getBudget = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/budgets/{budget_id}",
    operation: "getBudget",
    summary: "Get a budget",
    scopes: SCOPES,
    params: BudgetParams,
    reply: BudgetShape,
    async handle({ params: { budget_id }, caller }) {
      const written = await deps.documents.newest("budget", budget_id);
      if (!isOwn(written, caller)) return problem("API_NOT_FOUND");
      return { body: toResponse(written) };
    },
  });

const endBudget = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/budgets/{budget_id}/end",
    operation: "endBudget",
    summary: "End a budget: it raises no more alerts",
    scopes: OPERATORS,
    params: BudgetParams,
    body: EndBudgetBody,
    reply: BudgetShape,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "endBudget", request, async () => {
        const before = await deps.documents.newest("budget", request.params.budget_id);
        if (before === null) return problem("API_NOT_FOUND");
        const budget = budgetFrom(before);
        if (budget.is_ended) return { documents: [], reply: { body: toResponse(before) } };
        const ended = { ...budget, is_ended: true };
        const written = documentOf(ended, before.version + 1, request.caller, request.body.reason);
        const body = toResponse({ ...written, written_at: deps.clock.nowMs() });
        return { documents: [{ kind: "budget" as const, ...written }], reply: { body } };
      }),
  });

const budgetStanding = (deps: Deps) => {
  const spending = createSpending(deps);
  const budgets = new Cache<WrittenDocument | null>({ clock: deps.clock, weightMax: BUDGETS_MAX });
  return route({
    method: "GET",
    path: "/v1/budgets/{budget_id}/status",
    operation: "budgetStatus",
    summary:
      "Get what is left of a budget in the current day or month; fast enough to ask before every request",
    scopes: SCOPES,
    params: BudgetParams,
    query: StatusQuery,
    reply: BudgetStatusShape,
    async handle({ params: { budget_id }, query: { max_age_s }, caller }) {
      const { documents, clock } = deps;
      const maxAgeMs = Number(max_age_s ?? AGE_S_DEFAULT) * 1000;
      const age = { freshMs: maxAgeMs, staleMs: maxAgeMs };
      const { value: written } = await budgets.get(budget_id, age, () =>
        documents.newest("budget", budget_id),
      );
      if (!isOwn(written, caller)) return problem("API_NOT_FOUND");
      const budget = budgetFrom(written);
      const now = clock.nowMs();
      const spend = await spending(budget.tenant_id, monthOf(hourOf(now)).from, maxAgeMs);
      const period = periodAt(budget, now);
      const stand = budgetStatusAt(budget, period, spend, now);
      const { tenant_id, project_id, currency, amount, is_ended } = budget;
      const { estimated_hours, is_exhausted, age_ms } = stand;
      return {
        body: {
          ...{ budget_id, tenant_id, project_id, currency },
          period_from: formatHour(period.from),
          period_to: formatHour(period.to),
          amount: formatDecimal(amount),
          spent: formatDecimal(stand.spent),
          rated: formatDecimal(stand.rated),
          estimated: formatDecimal(stand.estimated),
          estimated_hours,
          left: formatDecimal(stand.left),
          used: formatDecimal(stand.used),
          is_exhausted,
          counted_until: spend.counted_until === null ? null : isoText(spend.counted_until),
          age_ms,
          is_ended,
        },
      };
    },
  });
};

/** Each tenant's stand together. */
function prefixOf({ hash }: Deps, tenant_id: string): string {
  return `${hash(tenant_id).slice(0, PREFIX_LENGTH)}-`;
}

function isOwn(written: WrittenDocument | null, caller: Caller): written is WrittenDocument {
  return written !== null && canSee(caller, budgetFrom(written).tenant_id);
}

function amountIn(text: string): bigint | Problem {
  const parsed = parseDecimal(text);
  if (parsed.ok && parsed.value >= 0n) return parsed.value;
  const code = parsed.ok ? "DECIMAL_NEGATIVE" : parsed.fault;
  const message = "must be a decimal of at least 0, with at most 26 digits before the point and 12 behind it";
  return problem("API_REQUEST_INVALID", `amount ${message}`, [{ path: "body/amount", code, message }]);
}

function documentOf(budget: TenantBudget, version: number, { key_id: written_by }: Caller, reason: string) {
  return { id: budget.budget_id, version, content: budgetContent(budget), written_by, reason };
}

function toResponse(written: Pick<WrittenDocument, "id" | "content" | "version" | "written_at">) {
  const { amount, thresholds_percent, webhook_url, ...budget } = budgetFrom(written);
  return {
    ...budget,
    amount: formatDecimal(amount),
    thresholds_percent: [...thresholds_percent],
    has_webhook: webhook_url !== null,
    version: written.version,
    written_at: isoText(written.written_at),
  };
}
