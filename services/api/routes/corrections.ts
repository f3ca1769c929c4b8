import { isProblem, problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { once } from "../../billing/access/idempotency.ts";
import { EVERYBODY, OPERATORS } from "../../billing/access/visibility.ts";
import { correct, countedEvent, historyOf } from "../../billing/corrections/corrections.ts";
import { successorOf } from "../../billing/corrections/successor.ts";
import type { Pricing } from "../app.ts";
import { AmendBody, CorrectionReply, EventHistory, EventParams, VoidBody } from "../schemas.ts";

/** Corrections of events, and their history. */
export function correctionRoutes(pricing: Pricing) {
  return [voidEvent(pricing), amendEvent(pricing), eventHistory(pricing)];
}

const voidEvent = (pricing: Pricing) =>
  route({
    method: "POST",
    path: "/v1/events/{event_id}/void",
    operation: "voidEvent",
    summary: "Takes an event out of all later revisions of its hours; the differences follow by themselves",
    scopes: OPERATORS,
    params: EventParams,
    body: VoidBody,
    reply: CorrectionReply,
    status: 202,
    idempotent: true,
    handle: (asked) =>
      once(pricing, "voidEvent", asked, async () => {
        const order = { ...asked.body, caller: asked.caller };
        const event = await countedEvent(pricing, asked.params.event_id, order);
        if (isProblem(event)) return event;
        return correct(pricing, event, order, null);
      }),
  });

const amendEvent = (pricing: Pricing) =>
  route({
    method: "POST",
    path: "/v1/events/{event_id}/amend",
    operation: "amendEvent",
    summary: "Takes an event out and puts a corrected one, with an id of its own, in its place",
    scopes: OPERATORS,
    params: EventParams,
    body: AmendBody,
    reply: CorrectionReply,
    status: 202,
    idempotent: true,
    handle: (asked) =>
      once(pricing, "amendEvent", asked, async () => {
        const { clock, hash, eventAgeMsMax } = pricing;
        const { reason, changes } = asked.body;
        const order = { reason, caller: asked.caller };
        const event = await countedEvent(pricing, asked.params.event_id, order);
        if (isProblem(event)) return event;
        const age = { nowMs: clock.nowMs(), ageMsMax: eventAgeMsMax };
        const successor = successorOf(event, changes, hash, age);
        if (!successor.ok) return problem("EVENT_SUCCESSOR_INVALID", successor.problem);
        return correct(pricing, event, order, successor);
      }),
  });

const eventHistory = (pricing: Pricing) =>
  route({
    method: "GET",
    path: "/v1/events/{event_id}",
    operation: "eventHistory",
    summary: "An event, who corrected it, when and why, and the revisions of its hours",
    scopes: EVERYBODY,
    params: EventParams,
    reply: EventHistory,
    async handle({ params: { event_id }, caller }) {
      const event = await pricing.ledger.event(event_id);
      const isOwn = caller.scope !== "tenant" || event?.tenant_id === caller.tenant_id;
      if (event === null || !isOwn) return problem("API_NOT_FOUND");
      return { body: await historyOf(pricing, event) };
    },
  });
