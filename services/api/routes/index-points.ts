import type { Static } from "typebox";
import { isProblem, type Problem, problem } from "../../adapters/http/problem.ts";
import { type Caller, route } from "../../adapters/http/route.ts";
import { EVERYBODY } from "../../billing/access/visibility.ts";
import {
  type IndexPeriod,
  idBefore,
  type PublishedPoint,
  pointId,
  publishedPoints,
  type SeriesKey,
} from "../../billing/index/index-points.ts";
import { formatHour } from "../../domain/time/hour.ts";
import type { Pricing } from "../app.ts";
import { hourIn, pageOf, rangeIn } from "../paging.ts";
import { page } from "../schemas.ts";
import { IndexQuery, PointParams, PointQuery, PointShape, PointVersions } from "./index-schemas.ts";

/** A month of hours with what a time zone adds to it, or ten years of days. */
const HOURS_MAX: Readonly<Record<IndexPeriod, number>> = { hour: 31 * 24 + 28, day: 3_660 * 24 };
const VERSIONS_MAX = 100;
const PLACE = [/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z$/];

/** The unit-quality compute price. */
export function indexRoutes(pricing: Pricing) {
  return [listIndexPoints(pricing), indexPointVersions(pricing)];
}

const listIndexPoints = (pricing: Pricing) =>
  route({
    method: "GET",
    path: "/v1/index",
    operation: "listIndexPoints",
    summary:
      "The price of a GPU-hour of unit quality over all models and cards: a chained Fisher index, base 100 at its first point, from committed charges",
    scopes: EVERYBODY,
    query: IndexQuery,
    reply: page(PointShape),
    async handle({ query: asked, caller }) {
      const range = rangeIn(asked, HOURS_MAX[asked.period]);
      if (isProblem(range)) return range;
      const key = seriesFor(asked, caller);
      if (isProblem(key)) return key;
      const end = pointId(key, formatHour(range.to));
      return pageOf(
        asked,
        PLACE,
        async ([place], limit) => {
          const after = place === undefined ? idBefore(key, range.from) : pointId(key, place);
          const found = await publishedPoints(pricing, key, after, limit);
          return found.filter(({ id }) => id < end).map((point) => shown(key, point));
        },
        ({ from }) => [from],
      );
    },
  });

const indexPointVersions = (pricing: Pricing) =>
  route({
    method: "GET",
    path: "/v1/index/{from}",
    operation: "indexPointVersions",
    summary: "All versions of a point of the index, newest first, with why each was published",
    scopes: EVERYBODY,
    params: PointParams,
    query: PointQuery,
    reply: PointVersions,
    async handle({ params, query: asked, caller }) {
      const from = hourIn("from", params.from);
      if (typeof from !== "number") return from;
      const key = seriesFor(asked, caller);
      if (isProblem(key)) return key;
      const id = pointId(key, formatHour(from));
      const versions = await pricing.documents.versions("index_point", id, VERSIONS_MAX);
      if (versions.length === 0) return problem("API_NOT_FOUND");
      return { body: { items: versions.map((it) => shown(key, it as PublishedPoint)) } };
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

function shown(key: SeriesKey, { content, version, reason, written_at }: PublishedPoint) {
  const { components, rests_on, ...point } = content;
  return {
    ...key,
    ...point,
    components: [...components],
    rests_on: [...rests_on],
    version,
    reason,
    published_at: new Date(written_at).toISOString(),
  };
}
