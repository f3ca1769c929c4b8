import type { FastifyReply } from "fastify";
import type { Caller } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { FairGate } from "./fair-gate.ts";
import { problem } from "./problem.ts";
import type { Route, RouteRequest, RouteResponse } from "./route.ts";

export type Performance = (
  request: RouteRequest<unknown, unknown, unknown>,
  route: Pick<Route, "handle" | "cost">,
  reply: FastifyReply,
) => Promise<RouteResponse<unknown>>;

const WAITING_MAX_PER_CALLER = 32;
const WAITING_MAX = 256;
const RETRY_AFTER_S = "2";
/** A file that is read slowly keeps its place no longer, or two slow readers could keep all. */
const FILE_MS_MAX = 30_000;

/** Calls a route's handler, an expensive one when there is a place for it. */
export function performance(options: { readonly expensive_max: number; readonly clock: Clock }): Performance {
  const { expensive_max, clock } = options;
  const gate = new FairGate({
    running_max: expensive_max,
    running_max_per_caller: Math.max(1, Math.floor(expensive_max / 2)),
    waiting_max_per_caller: WAITING_MAX_PER_CALLER,
    waiting_max: WAITING_MAX,
  });
  return async (request, route, reply) => {
    if (route.cost <= 1) return route.handle(request);
    const place = gate.enter(whoseTurn(request.caller));
    if ("refused" in place) {
      reply.header("retry-after", RETRY_AFTER_S);
      return problem(place.refused === "own" ? "API_CALLER_BUSY" : "API_BUSY");
    }
    const leave = await place;
    let isFile = false;
    try {
      const response = await route.handle(request);
      isFile = isStream(response);
      return response;
    } finally {
      if (isFile) {
        const closed = new AbortController();
        reply.raw.once("close", () => closed.abort());
        clock.sleep(FILE_MS_MAX, closed.signal).then(leave, leave);
      } else {
        leave();
      }
    }
  };
}

/** All keys of a tenant are one; operators are told apart by their keys. */
function whoseTurn(caller: Caller): string {
  return caller.scope === "tenant" ? `tenant ${caller.tenant_id}` : `key ${caller.key_id}`;
}

function isStream(response: RouteResponse<unknown>): boolean {
  if (isRefusal(response) || !("content" in response)) return false;
  return typeof response.content !== "string" && !(response.content instanceof Uint8Array);
}
