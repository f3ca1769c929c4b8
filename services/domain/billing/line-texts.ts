// Invoices in words, for people: what pages and terminals show.
import { type CardField, cardText } from "../event/fields.ts";
import { type Decimal, formatDecimal } from "../money/decimal.ts";
import { minorUnit } from "./invoice.ts";
import type { LineKind, StatementLine } from "./lines.ts";

const KIND_WORDS: Readonly<Record<LineKind, string>> = {
  usage: "Usage",
  commitment_usage: "Usage covered by the commitment",
  allowance: "Usage within the free allowance",
  package: "Usage paid by the package",
  commitment_fee: "Commitment",
  flat_fee: "Fee",
  percentage_discount: "Discount",
  fixed_discount: "Discount",
  minimum_commitment: "Up to the minimum commitment",
  prepaid_purchase: "Bought in advance",
  prepaid_refund: "Refunded, unused",
  prepaid_expiry: "Expired, unused",
  prepaid_credit: "Paid from credit",
};

const UNIT_WORDS: Readonly<Record<string, string>> = {
  gpu_hour: "GPU-hours",
  composite_gpu_hour: "composite GPU-hours",
  committed_unit_hour: "committed unit-hours",
};

type Described = Pick<StatementLine, "kind" | "name" | "plan" | "project_id" | "model" | CardField | "tier">;

/** What a line is for, such as "Usage: synthetic-7b on NVIDIA H100 80GB HBM3, project-1 (on_demand, tier 2)". */
export function lineWords(line: Described): string {
  const { kind, name, plan, project_id, model, tier } = line;
  const what = [model, cardText(line)].filter((it) => it !== "").join(" on ");
  const about = [what, project_id].filter((it) => it !== "").join(", ");
  const terms = [plan, name, tier === 0 ? "" : `tier ${tier}`].filter((it) => it !== "").join(", ");
  const head = about === "" ? KIND_WORDS[kind] : `${KIND_WORDS[kind]}: ${about}`;
  return terms === "" ? head : `${head} (${terms})`;
}

export function unitWords(unit: string, currency: string): string {
  return unit === "currency" ? currency : (UNIT_WORDS[unit] ?? unit);
}

/** All digits that are not zeros at the end, and at least two: 1.9375 or 2.50. */
export function shortDecimal(value: Decimal): string {
  return formatDecimal(value).replace(/(\.[0-9]{2}[0-9]*?)0+$/, "$1");
}

/** An amount that can be paid, with the digits of its currency: 1.94 USD. */
export function moneyWords(value: Decimal, currency: string): string {
  const text = formatDecimal(value);
  const zeros = String(minorUnit(currency)).length - 1;
  const amount = text.slice(0, text.length - zeros).replace(/\.$/, "");
  return `${amount} ${currency}`;
}
