import Type from "typebox";
import {
  CARD,
  Count,
  closed,
  Decimal,
  FaultShape,
  Hash,
  HourText,
  nullable,
  OPTIONAL_TENANT,
  RANGE,
  Text,
} from "../schemas.ts";

export const SimulateBody = closed({ ...RANGE, ...OPTIONAL_TENANT });
export const WhatIfBody = closed({
  ...SimulateBody.properties,
  price_book: Type.Optional(Hash),
  candidate: Type.Optional(
    Type.Unknown({ description: "A price book document, in place of `price_book`; operators only" }),
  ),
});

const ComparisonShape = closed({ before: Decimal, after: Decimal, difference: Decimal });
export const TenantComparison = closed({
  tenant_id: Text,
  currency: Text,
  /** Null where there are faults. */
  total: nullable(ComparisonShape),
  lines: Type.Array(
    closed({
      kind: Text,
      name: Text,
      project_id: Text,
      model: Text,
      ...CARD,
      ...ComparisonShape.properties,
    }),
  ),
  /** What the lines that differ least come to. */
  other_lines: closed({ count: Count, ...ComparisonShape.properties }),
  /** Rows of usage on cards that a book has no price for: they are in neither sum. */
  unrated: closed({ before: Count, after: Count }),
  faults: Type.Array(FaultShape),
});
export const WhatIfShape = closed({
  price_book: Hash,
  name: Text,
  currency: Text,
  from: HourText,
  to: HourText,
  items: Type.Array(TenantComparison),
  next_cursor: nullable(Text),
  /** Of the tenants of this page. */
  page_total: ComparisonShape,
  assumes: Type.Array(Text),
});
