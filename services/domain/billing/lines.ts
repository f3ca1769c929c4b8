import { type Decimal, ONE } from "../money/decimal.ts";
import type { Hour } from "../time/hour.ts";

/** What a line is for, in the order in which an invoice shows them. */
export const LINE_KINDS = [
  "usage",
  "commitment_usage",
  "allowance",
  "package",
  "commitment_fee",
  "flat_fee",
  "percentage_discount",
  "fixed_discount",
  "minimum_commitment",
  "prepaid_purchase",
  "prepaid_refund",
  "prepaid_expiry",
  "prepaid_credit",
] as const;
export type LineKind = (typeof LINE_KINDS)[number];

/** What tells the lines of a tenant and currency apart; "" and 0 where it does not apply. */
export interface LineIdentity {
  /** The period that the line belongs to, also where a later invoice corrects it. */
  readonly period_from: Hour;
  readonly kind: LineKind;
  /** Of the rate item, fee, allowance, commitment or adjustment; the id of a package or credit. */
  readonly name: string;
  readonly plan: string;
  readonly project_id: string;
  readonly model: string;
  readonly gpu_model: string;
  readonly mig_profile: string;
  /** Hash of the book. */
  readonly price_book: string;
  /** What `quantity` counts: a unit of usage, "currency", or "". */
  readonly unit: string;
  /** 1, 2 … for graduated tiers. */
  readonly tier: number;
  /** Time of day times overage. */
  readonly factor: Decimal;
}

export interface LineSums {
  readonly quantity: Decimal;
  readonly gpu_time_ns: bigint;
  readonly amount: Decimal;
}

/** A line of a statement. Before the factor; for cards with different rates the rate is told apart by `gpu_model`. */
export type StatementLine = LineIdentity & LineSums & { readonly unit_price: Decimal };

export const NOTHING: LineSums = { quantity: 0n, gpu_time_ns: 0n, amount: 0n };

/** The fields of a line that belongs to no usage. */
function lineIdentity(
  fields: Pick<LineIdentity, "period_from" | "kind" | "name"> & Partial<LineIdentity>,
): LineIdentity {
  return {
    plan: "",
    project_id: "",
    model: "",
    gpu_model: "",
    mig_profile: "",
    price_book: "",
    unit: "",
    tier: 0,
    factor: ONE,
    ...fields,
  };
}

/** A line that belongs to no usage: one of what it is for, unless it counts something. */
export function plainLine(
  fields: Parameters<typeof lineIdentity>[0],
  amount: Decimal,
  counted: Pick<StatementLine, "quantity" | "unit_price"> = { quantity: ONE, unit_price: amount },
): StatementLine {
  return { ...lineIdentity(fields), ...counted, gpu_time_ns: 0n, amount };
}

/** One text for one line: equal identities give equal texts, and others different ones, as it ends with the lengths of names. */
export function lineKey(line: LineIdentity): string {
  const { period_from, kind, name, plan, project_id, model, gpu_model, mig_profile } = line;
  const usage = `${plan}|${project_id}|${model}|${gpu_model}|${mig_profile}`;
  const lengths = `${name.length},${plan.length},${project_id.length},${model.length},${gpu_model.length}`;
  const pricing = `${line.price_book}|${line.unit}|${line.tier}|${line.factor}`;
  return `${period_from}|${kind}|${name}|${usage}|${pricing}|${lengths}`;
}

export function isNothing({ quantity, gpu_time_ns, amount }: LineSums): boolean {
  return quantity === 0n && gpu_time_ns === 0n && amount === 0n;
}

type Sums = { -readonly [name in keyof LineSums]: LineSums[name] };

/** Sums up what belongs to the same line. */
export class LineSheet {
  readonly #lines = new Map<string, { key: string; line: StatementLine } & Sums>();

  /** Adds to the line and returns its key. */
  add(line: StatementLine): string {
    const key = lineKey(line);
    const sums = this.#lines.get(key);
    if (sums === undefined) {
      const { quantity, gpu_time_ns, amount } = line;
      this.#lines.set(key, { key, line, quantity, gpu_time_ns, amount });
      return key;
    }
    sums.quantity += line.quantity;
    sums.gpu_time_ns += line.gpu_time_ns;
    sums.amount += line.amount;
    // The one text that is kept already, so that many parts of a line hold one.
    return sums.key;
  }

  lines(): StatementLine[] {
    const lines = [...this.#lines.values()].map(({ line, quantity, gpu_time_ns, amount }) => ({
      ...line,
      quantity,
      gpu_time_ns,
      amount,
    }));
    return lines.filter((line) => !isNothing(line));
  }
}
