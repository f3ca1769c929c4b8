import type { PrepaidOffer, PrepaidUnit } from "../books/plan.ts";
import { compareText } from "../closing/usage.ts";
import type { Decimal } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import { HOUR_S, type Hour } from "../time/hour.ts";

/** A package (prepaid units) or a credit (prepaid money) of a tenant, on the terms on which it was bought. */
export interface Prepaid {
  readonly prepaid_id: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly unit: PrepaidUnit;
  readonly gpu_models: readonly string[];
  readonly currency: string;
  readonly quantity: Decimal;
  readonly price: Decimal;
  /** Usable in the hours from `starts_at` up to and without `expires_at` or, where it is earlier, `refunded_at`. */
  readonly starts_at: Hour;
  readonly expires_at: Hour;
  readonly refunded_at: Hour | null;
}

/** What has been drawn from each package or credit, by `prepaid_id`. */
export type Drawn = ReadonlyMap<string, Decimal>;

/** A package or credit on the terms of an offer, from an hour on. */
export function buyPrepaid(
  offer: PrepaidOffer,
  purchase: Pick<Prepaid, "prepaid_id" | "tenant_id" | "currency" | "starts_at">,
): Prepaid {
  const { name, unit, gpu_models, quantity, price, valid_hours } = offer;
  return {
    ...purchase,
    name,
    unit,
    gpu_models,
    quantity,
    price,
    expires_at: purchase.starts_at + Number(valid_hours) * HOUR_S,
    refunded_at: null,
  };
}

/** Earliest expiry first, then earliest start: the order in which they are drawn from. */
export function inOrderOfExpiry(prepaid: readonly Prepaid[]): Prepaid[] {
  return prepaid.toSorted(
    (a, b) =>
      a.expires_at - b.expires_at || a.starts_at - b.starts_at || compareText(a.prepaid_id, b.prepaid_id),
  );
}

/** The first hour in which it can no longer be used. */
export function endOf({ expires_at, refunded_at }: Prepaid): Hour {
  return refunded_at === null ? expires_at : Math.min(expires_at, refunded_at);
}

/** What is left of each. Draws never go beyond it, so that nothing is overdrawn. */
export class Balances {
  readonly #drawn: Map<string, Decimal>;

  constructor(drawn: Drawn) {
    this.#drawn = new Map(drawn);
  }

  left({ prepaid_id, quantity }: Prepaid): Decimal {
    const left = quantity - (this.#drawn.get(prepaid_id) ?? 0n);
    return left > 0n ? left : 0n;
  }

  /** Draws `wanted` or what is left, and tells how much it was. */
  draw(prepaid: Prepaid, wanted: Decimal): Decimal {
    const left = this.left(prepaid);
    const quantity = wanted < left ? wanted : left;
    this.#drawn.set(prepaid.prepaid_id, (this.#drawn.get(prepaid.prepaid_id) ?? 0n) + quantity);
    return quantity;
  }

  drawn(): Drawn {
    return new Map(this.#drawn);
  }
}

/** The part of the price that pays for what is left. */
export function priceOfRest({ price, quantity }: Prepaid, left: Decimal): Decimal {
  return divideHalfEven(price * left, quantity);
}
