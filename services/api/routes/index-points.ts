import type { Static } from "typebox";
import { type Problem, problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import {
  FIRST_METHOD,
  type IndexPeriod,
  idBefore,
  type PublishedPoint,
  pointId,
  publishedPoints,
  type SeriesKey,
} from "../../billing/index/index-points.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import { formatHour, isoText } from "../../domain/time/hour.ts";
import { hourIn, pageOf, rangeIn } from "../paging.ts";
import { page } from "../schemas.ts";
import { IndexQuery, PointParams, PointQuery, PointShape, PointVersions } from "./index-schemas.ts";

interface Deps {
  readonly documents: Documents;
}

/** A month of hours with what a time zone adds to it, or ten years of days. */
const HOURS_MAX: Readonly<Record<IndexPeriod, number>> = { hour: 31 * 24 + 28, day: 3_660 * 24 };
const VERSIONS_MAX = 100;
const PLACE = [/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z$/];

/** The unit-quality compute price. */
export function indexRoutes(deps: Deps) {
  return [listIndexPoints(deps), indexPointVersions(deps)];
}

const listIndexPoints = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/index",
    operation: "listIndexPoints",
    summary:
      "List points of the price index: the price of a GPU-hour of unit quality, a chained Fisher index with base 100",
    scopes: SCOPES,
    query: IndexQuery,
    reply: page(PointShape),
    async handle({ query, caller }) {
      const range = rangeIn(query, HOURS_MAX[query.period]);
      if (isRefusal(range)) return range;
      const key = seriesFor(query, caller);
      if (isRefusal(key)) return key;
      const end = pointId(key, formatHour(range.to));
      return pageOf(
        query,
        PLACE,
        async ([place], limit) => {
          const after = place === undefined ? idBefore(key, range.from) : pointId(key, place);
          const found = await publishedPoints(deps, key, after, limit);
          return found.filter(({ id }) => id < end).map((point) => toResponse(key, point));
        },
        ({ from }) => [from],
      );
    },
  });

const indexPointVersions = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/index/{from}",
    operation: "indexPointVersions",
    summary: "List all versions of an index point, newest first, and why each was published",
    scopes: SCOPES,
    params: PointParams,
    query: PointQuery,
    reply: PointVersions,
    async handle({ params, query, caller }) {
      const from = hourIn("from", params.from);
      if (typeof from !== "number") return from;
      const key = seriesFor(query, caller);
      if (isRefusal(key)) return key;
      const id = pointId(key, formatHour(from));
      const versions = await deps.documents.versions("index_point", id, VERSIONS_MAX);
      if (versions.length === 0) return problem("API_NOT_FOUND");
      return { body: { items: versions.map((it) => toResponse(key, it as PublishedPoint)) } };
    },
  });

/** Tenants have the series that tells nothing of one of them; that there is another is the operators' business. */
function seriesFor(
  { currency, period, series }: Static<typeof PointQuery>,
  { scope }: Caller,
): SeriesKey | Problem {
  if (scope === "tenant" && series === "all") return problem("API_NOT_FOUND");
  return { currency, period, series: series ?? (scope === "tenant" ? "shared" : "all") };
}

function toResponse(key: SeriesKey, { content, version, reason, written_at }: PublishedPoint) {
  const { method = FIRST_METHOD, components, rests_on, ...point } = content;
  return {
    ...key,
    ...point,
    method,
    components: [...components],
    rests_on: [...rests_on],
    version,
    reason,
    published_at: isoText(written_at),
  };
}
