import { compareText, usageKeyText } from "../closing/usage.ts";
import { formatDecimal } from "../money/decimal.ts";
import { BUSY_FACTORS, CHARGE_FACTORS, saysBusyTime } from "./charges.ts";

import type { Charge } from "./rate.ts";

/** Where a stored charge differs from what its usage comes to. */
export interface ChargeDifference {
  /** "" where no such charge is stored. */
  readonly charge_id: string;
  /** Name of the field, or "charge_id" where one of the two has no such charge. */
  readonly field: string;
  readonly charged: string;
  /** "" for nothing. */
  readonly recomputed: string;
}

/** Compares stored charges, each with its id at the same place, with those that usage was rated to again. */
export function chargeDifferences(
  charges: readonly Charge[],
  charge_ids: readonly string[],
  recomputed: readonly Charge[],
): ChargeDifference[] {
  const stored = charges.map((charge, at) => ({ charge, charge_id: charge_ids[at] ?? "" }));
  const before = new Map(stored.map((it) => [usageKeyText(it.charge), it]));
  const after = new Map(recomputed.map((charge) => [usageKeyText(charge), charge]));
  const keys = [...new Set([...before.keys(), ...after.keys()])].toSorted(compareText);
  return keys.flatMap((key): ChargeDifference[] => {
    const [found, charge] = [before.get(key), after.get(key)];
    const charge_id = found?.charge_id ?? "";
    if (found === undefined || charge === undefined) {
      return [
        { charge_id, field: "charge_id", charged: charge_id, recomputed: charge === undefined ? "" : key },
      ];
    }
    const [left, right] = [fieldsOf(found.charge), fieldsOf(charge)];
    return Object.keys(left)
      .filter((field) => !BUSY_TERMS.has(field) || isBusyCompared(found.charge))
      .map((field) => ({ charge_id, field, charged: left[field] ?? "", recomputed: right[field] ?? "" }))
      .filter((it) => it.charged !== it.recomputed);
  });
}

const BUSY_TERMS: ReadonlySet<string> = new Set(["busy_ns", ...BUSY_FACTORS]);

/** A charge of composite@1 that was rated before busy time was kept says nothing that could differ. */
const isBusyCompared = (charge: Charge): boolean =>
  charge.formula !== "composite@1" || charge.busy_ns !== 0n || saysBusyTime(charge);

function fieldsOf(charge: Charge): Readonly<Record<string, string>> {
  const { payer, billed_to, formula, currency, events, gpu_time_ns, busy_ns, apportionments } = charge;
  return {
    payer,
    billed_to,
    formula,
    currency,
    events: String(events),
    gpu_time_ns: String(gpu_time_ns),
    busy_ns: String(busy_ns),
    ...Object.fromEntries(CHARGE_FACTORS.map((name) => [name, formatDecimal(charge[name])])),
    apportionments: apportionments.join(),
  };
}
