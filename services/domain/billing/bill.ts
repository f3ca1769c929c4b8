import type { Payer } from "../books/price-book.ts";
import { type Decimal, formatDecimal, ratio } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";

/** Charges of several hours that a bill shows as one line. */
export interface BillLine {
  readonly payer: Payer;
  readonly billed_to: string;
  readonly project_id: string;
  readonly model: string;
  readonly gpu_model: string;
  readonly mig_profile: string;
  readonly sharing: string;
  readonly phase: string;
  readonly outcome: string;
  readonly currency: string;
  readonly rate_per_gpu_hour: Decimal;
  readonly hours: number;
  readonly events: bigint;
  readonly gpu_time_ns: bigint;
  /** GPU time times composite and times quality, summed exactly over the charges: decimals. */
  readonly composite_time_ns: Decimal;
  readonly quality_time_ns: Decimal;
  readonly charge: Decimal;
  readonly apportionments: readonly string[];
  /** Hashes of the books. */
  readonly price_books: readonly string[];
}

export interface Bill {
  readonly payer: Payer;
  readonly billed_to: string;
  readonly currency: string;
  readonly lines: readonly BillLine[];
  readonly gpu_time_ns: bigint;
  readonly total: Decimal;
}

const NS_PER_HOUR = 3_600_000_000_000n;

/** One bill per payer and currency, tenants first, each in the order of its lines. */
export function billsOf(lines: readonly BillLine[]): Bill[] {
  const groups = Map.groupBy(lines, ({ payer, billed_to, currency }) =>
    JSON.stringify([payer, billed_to, currency]),
  );
  const bills = [...groups.values()].map((own): Bill => {
    const { payer, billed_to, currency } = own[0] as BillLine;
    return {
      payer,
      billed_to,
      currency,
      lines: own,
      gpu_time_ns: own.reduce((sum, line) => sum + line.gpu_time_ns, 0n),
      total: own.reduce((sum, line) => sum + line.charge, 0n),
    };
  });
  return bills.toSorted(
    (left, right) => Number(left.payer === "operator") - Number(right.payer === "operator"),
  );
}

/** A bill to be read by a person. Composite and quality are means over the line's GPU time. */
export function formatBill(bill: Bill): string {
  const rows = bill.lines.map((line) => [
    line.project_id,
    line.model,
    line.phase === "inference" ? line.outcome : line.phase,
    formatDecimal(ratio(line.gpu_time_ns, NS_PER_HOUR)),
    formatDecimal(line.rate_per_gpu_hour).replace(/0{1,10}$/, ""),
    formatDecimal(mean(line.composite_time_ns, line)),
    formatDecimal(mean(line.quality_time_ns, line)),
    formatDecimal(line.charge),
  ]);
  const head = ["project", "model", "what", "GPU-hours", "rate", "composite", "quality", bill.currency];
  const policies = [...new Set(bill.lines.flatMap((line) => line.apportionments))];
  const title =
    bill.payer === "tenant"
      ? `Bill of ${bill.billed_to}`
      : `Operator's own account (${bill.billed_to}): load and warm-up, billed to nobody`;
  const gpuHours = formatDecimal(ratio(bill.gpu_time_ns, NS_PER_HOUR));
  return [
    title,
    ...table([head, ...rows, ["total", "", "", gpuHours, "", "", "", formatDecimal(bill.total)]], 3),
    `  GPU time shared among requests by ${policies.join(", ")}; charge = GPU-hours x rate x composite x quality`,
  ].join("\n");
}

/** The bill as plain values for JSON: whole numbers and money as texts. */
export function billJson(bill: Bill): object {
  return {
    payer: bill.payer,
    billed_to: bill.billed_to,
    currency: bill.currency,
    gpu_time_ns: String(bill.gpu_time_ns),
    total: formatDecimal(bill.total),
    lines: bill.lines.map(({ composite_time_ns, quality_time_ns, ...line }) => ({
      ...line,
      events: String(line.events),
      gpu_time_ns: String(line.gpu_time_ns),
      gpu_hours: formatDecimal(ratio(line.gpu_time_ns, NS_PER_HOUR)),
      rate_per_gpu_hour: formatDecimal(line.rate_per_gpu_hour),
      composite: formatDecimal(mean(composite_time_ns, line)),
      quality: formatDecimal(mean(quality_time_ns, line)),
      charge: formatDecimal(line.charge),
    })),
  };
}

function mean(weighted: Decimal, { gpu_time_ns }: { readonly gpu_time_ns: bigint }): Decimal {
  return gpu_time_ns === 0n ? 0n : divideHalfEven(weighted, gpu_time_ns);
}

/** Columns side by side, the ones from `firstNumber` on aligned to the right. */
function table(rows: readonly (readonly string[])[], firstNumber: number): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column < firstNumber ? cell.padEnd(width) : cell.padStart(width);
    });
    return `  ${cells.join("  ")}`.trimEnd();
  });
}
