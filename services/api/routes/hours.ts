import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { fullAudienceOf } from "../../billing/access/visibility.ts";
import type { HourVerifier } from "../../billing/verification/verify-hour.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import { verificationJson } from "../../domain/closing/verification.ts";
import type { HourRevisions } from "../../domain/ports/closed-hours.ts";
import { hourIn, pageOf, rangeIn } from "../paging.ts";
import { HourParams, HourRow, PAGE, page, query, RANGE, RevisionQuery } from "../schemas.ts";
import { VerificationShape } from "./verification-schemas.ts";

interface Deps {
  readonly ledger: HourRevisions;
  readonly verifier: HourVerifier;
}

const HOURS_MAX = 366 * 24;
const PLACE = [/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z$/, /^[0-9]{1,9}$/];

/** Closed hours and their verification. */
export function hourRoutes(deps: Deps) {
  return [listHours(deps), verifyHour(deps)];
}

const listHours = ({ ledger }: Deps) =>
  route({
    method: "GET",
    path: "/v1/hours",
    operation: "listHours",
    summary: "List revisions of closed hours, with reason, time and hashes",
    scopes: OPERATORS,
    query: query({ ...RANGE, ...PAGE }),
    reply: page(HourRow),
    async handle({ query }) {
      const range = rangeIn(query, HOURS_MAX);
      if (isRefusal(range)) return range;
      return pageOf(
        query,
        PLACE,
        ([hour = "", revision = "0"], limit) =>
          ledger.hours(range, { hour, revision: Number(revision) }, limit),
        ({ hour, revision }) => [hour, String(revision)],
      );
    },
  });

const verifyHour = ({ verifier }: Deps) =>
  route({
    method: "GET",
    path: "/v1/hours/{hour}/verify",
    operation: "verifyHour",
    cost: 10,
    summary: "Recompute a closed hour from its events, compare the hashes and report what differs",
    scopes: SCOPES,
    params: HourParams,
    query: RevisionQuery,
    reply: VerificationShape,
    async handle({ params, query: { revision = "0" }, caller }) {
      const hour = hourIn("hour", params.hour);
      if (typeof hour !== "number") return hour;
      if (hour <= (await verifier.logFloor())) return problem("HOUR_DROPPED");
      const verified = await verifier.verify(hour, Number(revision), fullAudienceOf(caller));
      return verified === null ? problem("API_NOT_FOUND") : { body: verificationJson(hour, verified) };
    },
  });
