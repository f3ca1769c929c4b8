import { type Decimal, formatDecimal, ONE } from "../money/decimal.ts";
import type { Plan, PrepaidOffer, RateItem } from "./plan.ts";

/** Plans as plain values in one way only: order of fields, 12 digits, and nothing written that is a default. */
export function plansDocument(plans: readonly Plan[]): object[] {
  return plans.map((plan) => ({
    name: plan.name,
    ...list("rates", plan.rates.map(rateDocument)),
    ...list(
      "flat_fees",
      plan.flat_fees.map(({ name, amount }) => ({ name, amount: formatDecimal(amount) })),
    ),
    ...list(
      "allowances",
      plan.allowances.map(({ name, rate, quantity }) => ({ name, rate, quantity: formatDecimal(quantity) })),
    ),
    ...list(
      "hourly_commitments",
      plan.hourly_commitments.map(({ name, rate, quantity, unit_price, overage_factor }) => ({
        name,
        rate,
        quantity: formatDecimal(quantity),
        unit_price: formatDecimal(unit_price),
        ...factor("overage_factor", overage_factor),
      })),
    ),
    ...list(
      "adjustments",
      plan.adjustments.map(({ name, kind, value }) => ({ name, [kind]: formatDecimal(value) })),
    ),
  }));
}

export function offersDocument(offers: readonly PrepaidOffer[]): object[] {
  return offers.map((offer) => ({
    name: offer.name,
    unit: offer.unit,
    quantity: formatDecimal(offer.quantity),
    price: formatDecimal(offer.price),
    valid_hours: Number(offer.valid_hours),
    ...list("gpu_models", offer.gpu_models),
  }));
}

function rateDocument({ name, gpu_models, models, unit, price, time_of_day }: RateItem): object {
  return {
    name,
    ...list("gpu_models", gpu_models),
    ...list("models", models),
    unit,
    ...priceDocument(price),
    ...list(
      "time_of_day",
      time_of_day.map((window) => ({ hours: window.hours, factor: formatDecimal(window.factor) })),
    ),
  };
}

function priceDocument(price: RateItem["price"]): object {
  if (price.kind === "card") return {};
  if (price.kind === "unit") return { unit_price: formatDecimal(price.unit_price) };
  const tiers = price.tiers.map(({ up_to, unit_price }) => ({
    ...(up_to === null ? {} : { up_to: formatDecimal(up_to) }),
    unit_price: formatDecimal(unit_price),
  }));
  return { [price.kind]: tiers };
}

function list(name: string, entries: readonly unknown[]): object {
  return entries.length === 0 ? {} : { [name]: entries };
}

function factor(name: string, value: Decimal): object {
  return value === ONE ? {} : { [name]: formatDecimal(value) };
}
