import { compareText } from "../closing/usage.ts";
import type { Decimal } from "../money/decimal.ts";
import { splitByLargestRemainder } from "../money/rounding.ts";
import { type Invoice, minorUnit } from "./invoice.ts";

export interface ProjectShare {
  readonly project_id: string;
  /** A multiple of the currency's minor unit; the shares add up to the invoice's total. */
  readonly total: Decimal;
}

/**
 * One bill split over its projects: each has its own lines, and of what belongs to no project (fees, discounts, credits …)
 * a share in proportion to them. Lines of a project below zero count as 0 in that proportion. Where no project has any line,
 * everything stays under the project "".
 */
export function splitByProject(invoice: Invoice): ProjectShare[] {
  const totals = new Map<string, Decimal>();
  for (const { project_id, rounded_amount } of invoice.lines) {
    totals.set(project_id, (totals.get(project_id) ?? 0n) + rounded_amount);
  }
  const common = totals.get("") ?? 0n;
  const projects = [...totals].filter(([id]) => id !== "").toSorted(([a], [b]) => compareText(a, b));
  if (projects.length === 0) return totals.has("") ? [{ project_id: "", total: common }] : [];
  const unit = minorUnit(invoice.currency);
  const sign = common < 0n ? -1n : 1n;
  const shares = splitByLargestRemainder(
    (sign * common) / unit,
    projects.map(([, amount]) => (amount > 0n ? amount : 0n)),
  );
  return projects.map(([project_id, amount], index) => ({
    project_id,
    total: amount + sign * unit * (shares[index] ?? 0n),
  }));
}
