// The price book as a JSON Schema, for people and editors. What a book is refused for is said by `readPriceBook` with codes of its own,
// which also know what no schema says: weights that do not add up, tiers that do not rise, names that nothing has.
import Type, { type TSchema } from "typebox";
import { FORMULAS, WEIGHTS } from "../../domain/books/formulas.ts";
import { ADJUSTMENT_KINDS, PREPAID_UNITS, UNITS } from "../../domain/books/plan.ts";
import { OUTCOMES } from "../../domain/books/price-book.ts";
import { closed, oneOf } from "../schemas.ts";

const Name = Type.String({ minLength: 1, maxLength: 128 });
const Amount = Type.String({
  pattern: "^[0-9]{1,26}(\\.[0-9]{1,12})?$",
  description: "A decimal of at least 0, with at most 12 digits after the point",
});
const Factor = Type.String({
  pattern: "^([0-3](\\.[0-9]{1,12})?|4(\\.0{1,12})?)$",
  description: "A factor of quality from 0 to 4; 1 where it is absent",
});
const Count = Type.Integer({ minimum: 1 });
const Names = Type.Array(Name, { minItems: 1 });

function some(names: readonly string[], of: TSchema) {
  return closed(Object.fromEntries(names.map((name) => [name, Type.Optional(of)])));
}

function every(names: readonly string[], of: TSchema) {
  return closed(Object.fromEntries(names.map((name) => [name, of])));
}

const list = (of: TSchema) => Type.Optional(Type.Array(of, { minItems: 1 }));

const Gpu = closed({
  gpu_model: Name,
  mig_profile: Type.Optional(Name),
  rate_per_gpu_hour: Amount,
  reference: closed({ memory_bytes: Count, power_limit_mw: Count, nvlink_bytes_per_s: Count }),
  weights: Type.Union(
    FORMULAS.map((formula) => every(WEIGHTS[formula], Amount)),
    { description: "Those of the book's formula; they add up to 1" },
  ),
  generation: Type.Optional(Factor),
});

const Quality = closed({
  sharing: Type.Optional(some(["exclusive", "mps", "timeslice"], Factor)),
  outcome: Type.Optional(some(OUTCOMES, Factor)),
  contention: Type.Optional(every(["min", "max"], Factor)),
  interruption: Type.Optional(Factor),
});

const Tiers = Type.Array(closed({ up_to: Type.Optional(Amount), unit_price: Amount }), {
  minItems: 1,
  description: "Each up to and including so many units; the last one without up_to",
});

const Rate = closed({
  name: Name,
  gpu_models: Type.Optional(Names),
  models: Type.Optional(Names),
  unit: oneOf(UNITS),
  unit_price: Type.Optional(Amount),
  graduated: Type.Optional(Tiers),
  volume: Type.Optional(Tiers),
  time_of_day: list(
    closed({ hours: Type.Array(Type.Integer({ minimum: 0, maximum: 23 }), { minItems: 1 }), factor: Factor }),
  ),
});

const Plan = closed({
  name: Name,
  rates: list(Rate),
  flat_fees: list(closed({ name: Name, amount: Amount })),
  allowances: list(closed({ name: Name, rate: Name, quantity: Amount })),
  hourly_commitments: list(
    closed({
      name: Name,
      rate: Name,
      quantity: Amount,
      unit_price: Amount,
      overage_factor: Type.Optional(Factor),
    }),
  ),
  adjustments: list(Type.Union(ADJUSTMENT_KINDS.map((kind) => closed({ name: Name, [kind]: Amount })))),
});

const Offer = closed({
  name: Name,
  unit: oneOf(PREPAID_UNITS),
  quantity: Amount,
  price: Amount,
  valid_hours: Count,
  gpu_models: Type.Optional(Names),
});

export const PriceBookShape = closed({
  name: Name,
  formula: oneOf(FORMULAS),
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
  effective_from: Type.String({
    description: "The hour from which it is in force, such as 2027-01-01T00:00:00Z",
  }),
  operator_tenant_id: Name,
  phases: closed({
    load: Type.Literal("operator"),
    warmup: Type.Literal("operator"),
    inference: oneOf(["tenant", "operator"]),
  }),
  gpus: Type.Array(Gpu, { minItems: 1 }),
  quality: Type.Optional(Quality),
  plans: list(Plan),
  prepaid: list(Offer),
});

/** Anything, so that each of its faults is reported with its own code. */
export const BookDocument = Type.Union([PriceBookShape, Type.Unknown()], {
  description: "A price book; anything else is answered with its faults",
});
