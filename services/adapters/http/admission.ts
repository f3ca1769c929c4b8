// Who asks, and whether it may now. Limits come before any look-up: a request that is refused costs the store nothing.
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Authentication } from "../../domain/access/authentication.ts";
import type { Caller } from "../../domain/access/caller.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { clientOf } from "./client-address.ts";
import { type Problem, problem } from "./problem.ts";
import { createRateLimit, type Rate } from "./rate-limit.ts";
import type { Route } from "./route.ts";

export type Admission = (
  request: FastifyRequest,
  reply: FastifyReply,
  route: Pick<Route, "scopes" | "cost">,
) => Promise<Caller | Problem>;

const BEARER = /^Bearer (\S{1,256})$/i;

/**
 * Authenticates and authorises a request. What has no key that is known counts against its client address, from before the
 * look-up on; a true key gets that back, and counts for itself. So keys can neither be guessed nor tried in numbers, and whoever
 * tries does not use up what another's key may do, not even from the same address.
 */
export function admission(options: {
  readonly authentication: Authentication;
  readonly rate: Rate;
  readonly clock: Clock;
}): Admission {
  const { authentication, rate, clock } = options;
  // apart: many addresses must not push out what is known of a key
  const byAddress = createRateLimit(rate, clock);
  const byKey = createRateLimit(rate, clock);
  const limited = (seconds: number, reply: FastifyReply): Problem | null => {
    if (seconds === 0) return null;
    reply.header("retry-after", String(seconds));
    return problem("API_RATE_LIMITED");
  };
  return async (request, reply, route) => {
    const key = BEARER.exec(request.headers.authorization ?? "")?.[1];
    const address = clientOf(request.ip);
    const remembered = key === undefined ? null : authentication.remembered(key);
    const refusedEarly =
      remembered === null || remembered === undefined
        ? limited(byAddress(address), reply)
        : limited(byKey(remembered.key_id, route.cost), reply);
    if (refusedEarly !== null) return refusedEarly;
    if (key === undefined) return problem("API_KEY_MISSING");
    const caller = remembered === null ? null : await authentication.lookUp(key);
    if (caller === null) return problem("API_KEY_UNKNOWN");
    if (remembered === undefined) {
      byAddress(address, -1);
      const tooMany = limited(byKey(caller.key_id, route.cost), reply);
      if (tooMany !== null) return tooMany;
    }
    return route.scopes.includes(caller.scope) ? caller : problem("API_SCOPE_MISSING");
  };
}
