// Rating and settling a month of many tenants: each row of usage_hourly becomes a charge with every term, and each tenant's charges
// become the lines of an invoice under a plan with tiers and a package. A process of its own, so that its memory can be measured.
// Prints one JSON line. Making the rows is not timed: the database makes them.
import { readFileSync } from "node:fs";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { environment } from "../../services/adapters/config/start.ts";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { computeInvoice } from "../../services/domain/billing/compute-invoice.ts";
import type { PublishedBook } from "../../services/domain/billing/contract-segments.ts";
import type { Prepaid } from "../../services/domain/billing/prepaid.ts";
import type { TenantHour } from "../../services/domain/billing/statement.ts";
import { canonicalPriceBook, readPriceBook } from "../../services/domain/books/price-book.ts";
import { type UsageRow, usageSums } from "../../services/domain/closing/usage.ts";
import { ONE } from "../../services/domain/money/decimal.ts";
import { rateHour } from "../../services/domain/rating/charges.ts";
import { HOUR_S, type Hour, parseHour } from "../../services/domain/time/hour.ts";

const HOURS = 720;
const GPU = "NVIDIA H100 80GB HBM3";
const FROM: Hour = parseHour("2026-11-01T00:00:00Z") ?? 0;
const PERIOD = { from: FROM, to: FROM + HOURS * HOUR_S };
const BOOK_FILE = new URL("../../docs/price-books/2026-h100.json", import.meta.url);
const PLAN = {
  name: "scale",
  rates: [
    {
      name: "h100",
      gpu_models: [GPU],
      unit: "composite_gpu_hour",
      graduated: [
        { up_to: "10", unit_price: "2.50" },
        { up_to: "100", unit_price: "2.25" },
        { unit_price: "2.00" },
      ],
    },
  ],
  allowances: [{ name: "free", rate: "h100", quantity: "1" }],
  adjustments: [{ name: "deal", percentage_discount: "5" }],
};

function tieredBook(): PublishedBook {
  const read = readPriceBook({ ...JSON.parse(readFileSync(BOOK_FILE, "utf8")), plans: [PLAN] });
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return { ...read.book, hash: sha256(canonicalPriceBook(read.book)) };
}

/** `count` rows of a tenant over the hours of the month, in a second project once each hour has one. */
function usageOf(tenant_id: string, count: number): Map<Hour, UsageRow[]> {
  const rows = Array.from({ length: count }, (_, i): readonly [Hour, UsageRow] => {
    const gpu_time_ns = BigInt(60_000_000_000 + ((i * 7_919) % 900) * 1_000_000_007);
    const row: UsageRow = {
      tenant_id,
      project_id: `project-${Math.floor(i / HOURS) + 1}`,
      model: "synthetic-7b",
      model_version: "2026-11",
      gpu_model: GPU,
      mig_profile: "",
      sharing: i % 3 === 0 ? "mps" : "exclusive",
      phase: "inference",
      outcome: i % 20 === 0 ? "cancelled" : "ok",
      ...usageSums(() => 0n),
      events: 40n,
      gpu_time_ns,
      gpu_busy_ns: (gpu_time_ns * 9n) / 10n,
      gpu_busy_known_ns: gpu_time_ns,
      gpu_busy_counter_ns: gpu_time_ns,
      memory_time_byte_ns: gpu_time_ns * 42_949_672_960n,
      energy_uj: (gpu_time_ns * 35n) / 100n,
      power_avg_time_mw_ns: gpu_time_ns * 350_000n,
      power_peak_time_mw_ns: gpu_time_ns * 690_000n,
      nvlink_tx_bytes: gpu_time_ns / 7n,
      nvlink_rx_bytes: gpu_time_ns / 9n,
      apportionments: ["fitted-hinge@1"],
    };
    return [FROM + (i % HOURS) * HOUR_S, row];
  });
  return new Map(
    [...Map.groupBy(rows, ([hour]) => hour)].map(([hour, own]) => [hour, own.map(([, row]) => row)]),
  );
}

function packageOf(tenant_id: string, book: PublishedBook): Prepaid {
  return {
    prepaid_id: `package-${tenant_id}`,
    tenant_id,
    name: "GPU-hours",
    unit: "composite_gpu_hour",
    gpu_models: [],
    currency: book.currency,
    quantity: 20n * ONE,
    price: 40n * ONE,
    starts_at: FROM,
    expires_at: PERIOD.to,
    refunded_at: null,
  };
}

const { BENCH_ROWS: rowsText, BENCH_TENANTS: tenantsText } = environment();
const rows = Number(rowsText);
const tenants = Number(tenantsText);
const book = tieredBook();
let ms = 0;
let cpuUs = 0;
let charges = 0;
let lines = 0;
let allocations = 0;
for (let tenant = 0; tenant < tenants; tenant++) {
  const tenant_id = `tenant-${String(tenant).padStart(4, "0")}`;
  const usage = usageOf(tenant_id, Math.floor(rows / tenants));
  const began = systemClock.monotonicMs();
  const cpu = process.cpuUsage();
  const hours = [...usage].map(([hour, own]): TenantHour => {
    return { hour, revision: 1, price_book: book.hash, charges: rateHour(own, book).charges };
  });
  const settled = computeInvoice({
    tenant_id,
    currency: book.currency,
    books: [book],
    subscriptions: [{ subscription_id: "s", tenant_id, plan: PLAN.name, from: FROM, to: null }],
    prepaid: [packageOf(tenant_id, book)],
    periods: [PERIOD],
    hours,
    opening: new Map(),
    invoices: [],
    hash: sha256,
  });
  ms += systemClock.monotonicMs() - began;
  const { user, system } = process.cpuUsage(cpu);
  cpuUs += user + system;
  if (!settled.ok) throw new Error(JSON.stringify(settled.faults));
  charges += hours.reduce((sum, own) => sum + own.charges.length, 0);
  lines += settled.invoice?.lines.length ?? 0;
  allocations += settled.statements.reduce((sum, statement) => sum + statement.allocations.length, 0);
}
const rss_mib = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `${JSON.stringify({ rows: charges, tenants, lines, allocations, seconds: ms / 1000, cpu_seconds: cpuUs / 1e6, rss_mib })}\n`,
);
