import Type from "typebox";
import {
  CARD,
  Count,
  closed,
  Decimal,
  Hash,
  HourText,
  Moment,
  Name,
  nullable,
  TenantId,
  Text,
  Tokens,
} from "../schemas.ts";

const Requests = Type.String({
  pattern: "^[1-9][0-9]{0,8}$",
  description: "Number of requests, 1 to 999,999,999",
});

export const QuoteBody = closed({
  model: Name,
  gpu_model: Name,
  mig_profile: Type.Optional(
    Type.String({ maxLength: 128, description: "Empty or absent for a whole card" }),
  ),
  requests: Requests,
  tokens_in: Type.Optional(Tokens),
  tokens_out: Type.Optional(Tokens),
  tenant_id: Type.Optional(TenantId),
  project_id: Type.Optional(Name),
  from: Type.Optional(HourText),
});

export const QuoteShape = closed({
  kind: Type.Union([Type.Literal("quoted"), Type.Literal("no_history")]),
  model: Text,
  ...CARD,
  requests: Text,
  tokens_in: nullable(Tokens),
  tokens_out: nullable(Tokens),
  tenant_id: Text,
  project_id: Text,
  from: HourText,
  price_book: Hash,
  /** Empty for on demand. */
  plan: Text,
  currency: Text,
  /** Null where there is no history, as are the quantiles. */
  expected: nullable(Decimal),
  p50: nullable(Decimal),
  p90: nullable(Decimal),
  samples: Count,
  is_p90_sound: Type.Boolean(),
  history: closed({
    source: Type.Union([
      Type.Literal("project"),
      Type.Literal("tenant"),
      Type.Literal("pool"),
      Type.Literal("everybody"),
      Type.Literal("none"),
    ]),
    from: nullable(HourText),
    to: nullable(HourText),
    looked_up_at: nullable(Moment),
    age_ms: nullable(Count),
  }),
  assumes: Type.Array(Text),
});
