import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { ChargeDetail, ChargeLedger } from "../../domain/ports/charges.ts";

import { explain } from "../../domain/rating/explain.ts";
import { pageOf, rangeIn } from "../paging.ts";
import {
  ChargedEvent,
  ChargeParams,
  ChargeShape,
  Explanation,
  OPTIONAL_TENANT,
  PAGE,
  page,
  query,
  RANGE,
  SessionQuery,
  SessionShape,
} from "../schemas.ts";

interface Deps {
  readonly ledger: Pick<ChargeLedger, "charges" | "charge" | "sessions" | "events">;
}

/** A month of 31 days and the hours that a time zone adds to it. */
const HOURS_MAX = 31 * 24 + 28;
const CHARGE_PLACE = [/^[0-9]{10}-[0-9]{1,9}-[0-9]{1,9}-[0-9a-f]{24}$/];
const SESSION_PLACE = [/^[^\0]{1,128}$/];
const EVENT_PLACE = [/^[0-9a-f]{32}$/];

/** Charges, each of which opens into its terms, sessions and events. */
export function chargeRoutes(deps: Deps) {
  return [listCharges(deps), explainCharge(deps), listChargeSessions(deps), listChargeEvents(deps)];
}

const listCharges = ({ ledger }: Deps) =>
  route({
    method: "GET",
    path: "/v1/charges",
    operation: "listCharges",
    summary: "List current charges of closed hours, by hour",
    scopes: SCOPES,
    query: query({ ...RANGE, ...OPTIONAL_TENANT, ...PAGE }),
    reply: page(ChargeShape),
    async handle({ query, caller }) {
      const range = rangeIn(query, HOURS_MAX);
      if (isRefusal(range)) return range;
      const audience = audienceOf(caller, query.tenant_id);
      if (isRefusal(audience)) return audience;
      return pageOf(
        query,
        CHARGE_PLACE,
        ([after = ""], limit) => ledger.charges(range, audience, after, limit),
        ({ charge_id }) => [charge_id],
      );
    },
  });

const explainCharge = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/charges/{charge_id}",
    operation: "explainCharge",
    summary: "Explain a charge: every factor, how it was computed, and the revision of its hour",
    scopes: SCOPES,
    params: ChargeParams,
    reply: Explanation,
    async handle({ params: { charge_id }, caller }) {
      const charge = await ownCharge(deps, charge_id, caller);
      if (charge === null) return problem("API_NOT_FOUND");
      const body = { charge, steps: explain(charge) };
      // A charge never changes; whether it is still the current one may.
      return charge.is_current ? { body } : { body, etag: charge_id };
    },
  });

const listChargeSessions = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/charges/{charge_id}/sessions",
    operation: "listChargeSessions",
    summary: "List the sessions behind a charge",
    scopes: SCOPES,
    params: ChargeParams,
    query: query(PAGE),
    reply: page(SessionShape),
    async handle({ params: { charge_id }, query, caller }) {
      const charge = await ownCharge(deps, charge_id, caller);
      if (charge === null) return problem("API_NOT_FOUND");
      return pageOf(
        query,
        SESSION_PLACE,
        ([after = ""], limit) => deps.ledger.sessions(charge, after, limit),
        ({ session_id }) => [session_id],
      );
    },
  });

const listChargeEvents = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/charges/{charge_id}/events",
    operation: "listChargeEvents",
    summary: "List the events behind a charge, with the part of each that falls in its hour",
    scopes: SCOPES,
    params: ChargeParams,
    query: SessionQuery,
    reply: page(ChargedEvent),
    async handle({ params: { charge_id }, query, caller }) {
      const charge = await ownCharge(deps, charge_id, caller);
      if (charge === null) return problem("API_NOT_FOUND");
      return pageOf(
        query,
        EVENT_PLACE,
        ([after = ""], limit) => deps.ledger.events(charge, query.session_id ?? null, after, limit),
        ({ event_id }) => [event_id],
      );
    },
  });

/** A charge that the caller may see, or null. */
async function ownCharge({ ledger }: Deps, charge_id: string, caller: Caller): Promise<ChargeDetail | null> {
  const charge = await ledger.charge(charge_id);
  if (charge === null || caller.scope !== "tenant") return charge;
  return charge.payer === "tenant" && charge.billed_to === caller.tenant_id ? charge : null;
}
