import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { withIdempotencyKey } from "../../billing/access/idempotency.ts";
import { canSee } from "../../billing/access/visibility.ts";
import type { Corrected, CorrectionDeps } from "../../billing/corrections/corrections.ts";
import { correct, countedEvent, historyOf } from "../../billing/corrections/corrections.ts";
import { successorOf } from "../../billing/corrections/successor.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { NewDocument } from "../../domain/ports/documents.ts";
import { AmendBody, CorrectionReply, EventHistory, EventParams, VoidBody } from "../schemas.ts";

interface Deps extends CorrectionDeps {
  readonly hash: (text: string) => string;
  /** Older events than this are not accepted any more, so neither are their successors. */
  readonly eventAgeMsMax: number;
}

/** Corrections of events, and their history. */
export function correctionRoutes(deps: Deps) {
  return [voidEvent(deps), amendEvent(deps), eventHistory(deps)];
}

const voidEvent = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/events/{event_id}/void",
    operation: "voidEvent",
    summary: "Void an event: later revisions of its hours leave it out, and adjustments follow",
    scopes: OPERATORS,
    params: EventParams,
    body: VoidBody,
    reply: CorrectionReply,
    status: 202,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "voidEvent", request, async () => {
        const order = { ...request.body, caller: request.caller };
        const event = await countedEvent(deps, request.params.event_id, order);
        if (isRefusal(event)) return event;
        return toEffect(await correct(deps, event, order, null));
      }),
  });

const amendEvent = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/events/{event_id}/amend",
    operation: "amendEvent",
    summary:
      "Amend an event: void it and send a corrected successor with a new id; without an answer, repeat the same request",
    scopes: OPERATORS,
    params: EventParams,
    body: AmendBody,
    reply: CorrectionReply,
    status: 202,
    idempotent: true,
    handle: (request) =>
      withIdempotencyKey(deps, "amendEvent", request, async () => {
        const { clock, eventAgeMsMax } = deps;
        const { reason, changes } = request.body;
        const order = { reason, caller: request.caller };
        const event = await countedEvent(deps, request.params.event_id, order);
        if (isRefusal(event)) return event;
        const age = { nowMs: clock.nowMs(), ageMsMax: eventAgeMsMax };
        const successor = successorOf(event, changes, deps, age);
        if (!successor.ok) return problem("EVENT_SUCCESSOR_INVALID", successor.problem);
        return toEffect(await correct(deps, event, order, successor));
      }),
  });

const eventHistory = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/events/{event_id}",
    operation: "eventHistory",
    summary: "Get an event, its corrections and the revisions of its hours",
    scopes: SCOPES,
    params: EventParams,
    reply: EventHistory,
    async handle({ params: { event_id }, caller }) {
      const event = await deps.ledger.event(event_id);
      if (event === null || !canSee(caller, event.tenant_id)) return problem("API_NOT_FOUND");
      return { body: await historyOf(deps, event) };
    },
  });

function toEffect({ documents, corrected }: { documents: readonly NewDocument[]; corrected: Corrected }) {
  return { documents, reply: { body: corrected } };
}
