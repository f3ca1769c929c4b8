import Type from "typebox";
import { INDEX_PERIODS } from "../../billing/index/index-points.ts";
import { INDEX_SERIES } from "../../domain/insight/index-sales.ts";
import {
  Count,
  closed,
  Decimal,
  HourText,
  Moment,
  nullable,
  oneOf,
  PAGE,
  params,
  query,
  RANGE,
  Text,
} from "../schemas.ts";

const SERIES = {
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
  period: oneOf(INDEX_PERIODS),
  series: Type.Optional(oneOf(INDEX_SERIES)),
};
export const IndexQuery = query({ ...RANGE, ...SERIES, ...PAGE });
export const PointQuery = query(SERIES);
export const PointParams = params({ from: HourText });

export const PointShape = closed({
  currency: Text,
  series: oneOf(INDEX_SERIES),
  period: oneOf(INDEX_PERIODS),
  from: HourText,
  /** How it was computed: docs/INDEX.md. */
  method: Text,
  level: Decimal,
  /** Level against that of the point before. */
  link: Decimal,
  /** Prices against those of the point before; 1 where no class is in both. */
  laspeyres: Decimal,
  paasche: Decimal,
  components: Type.Array(
    closed({
      gpu_class: Text,
      standing: oneOf(["matched", "new", "carried"]),
      quantity: Decimal,
      value: Decimal,
      price: Decimal,
      relative: nullable(Decimal),
      tenants_at_least: Count,
    }),
  ),
  rests_on: Type.Array(closed({ hour: HourText, revision: Count, rating: Count })),
  is_withdrawn: Type.Boolean(),
  version: Count,
  reason: Text,
  published_at: Moment,
});
export const PointVersions = closed({ items: Type.Array(PointShape) });
