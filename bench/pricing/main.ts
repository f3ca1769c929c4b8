// npm run bench:pricing [-- --json] [-- --rows N] [-- --hours N] [-- --events N] [-- --seconds N]: rating and settling a month, then the pricing service
// as it is shipped, over real hours and invoices, under requests at a fixed rate; last what a tenant has used of a month of many events.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { migrate, openForMigration } from "../../services/adapters/clickhouse/migrate.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { environment } from "../../services/adapters/config/start.ts";
import { pricingClient } from "../../services/client/client.ts";
import { formatHour, HOUR_S, type Hour } from "../../services/domain/time/hour.ts";
import { runOnce, Service } from "../../services/local/demo/programs.ts";
import { freePort } from "../../services/local/ports.ts";
import { startStack } from "../../services/local/stack.ts";
import { fillMonth } from "./live.ts";
import { type Latency, load } from "./load.ts";
import { logMonth } from "./month.ts";

const TENANTS = 1_000;
const INVOICES_PER_S = 200;
const QUOTES_PER_S = 200;
/** Two cores answer about 20 per second: each opens every part of the month. */
const LIVE_PER_S = 5;
/** Load before each measurement, so that code is compiled and caches are full, as in a running service. */
const WARM_UP_S = 3;
const TENANT = "tenant-01";
const LIVE_TENANT = "tenant-0042";
const WORKLOAD = {
  tenant_id: TENANT,
  model: "synthetic-7b",
  gpu_model: "NVIDIA H100 80GB HBM3",
  requests: "1000",
  tokens_out: 200,
};

const BOOK = new URL("../../docs/price-books/2026-h100.json", import.meta.url).pathname;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rows: { type: "string", default: "1000000" },
    hours: { type: "string", default: "700" },
    events: { type: "string", default: "100000000" },
    seconds: { type: "string", default: "20" },
  },
});
const seconds = Number(values.seconds);
const invoicedHours = Number(values.hours);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Rating {
  readonly rows: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly rss_mib: number;
}

say(`rating and settling ${Number(values.rows).toLocaleString("en")} rows of ${TENANTS} tenants`);
const rating = await rate();
say(`rated in ${rating.seconds.toFixed(1)} s, ${rating.rss_mib} MiB`);
const stack = await startStack();
try {
  const { migrate: owner } = stack.users;
  const admin = await openForMigration({ url: stack.clickhouseUrl, database: "meterhouse", ...owner });
  await migrate(admin, new URL("../../clickhouse/migrations/", import.meta.url).pathname);
  const now = new Date(systemClock.nowMs());
  const monthStart: Hour = Date.UTC(now.getUTCFullYear(), now.getUTCMonth()) / 1000;
  const period = { from: monthStart - invoicedHours * HOUR_S, to: monthStart };
  const env = pricingEnvironment();
  const key = JSON.parse(
    await runOnce(
      "services/api/main.ts",
      ["key", "create", "--scope", "operator", "--name", "bench", "--json"],
      env,
    ),
  ).key as string;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const service = new Service("pricing", "services/api/main.ts", {
    ...env,
    METERHOUSE_API_PORT: String(port),
  });
  const ask = pricingClient({ url, key });
  await untilItAnswers();
  const api = { METERHOUSE_API_URL: url, METERHOUSE_API_KEY: key };
  say((await runOnce("services/cli/main.ts", ["price-book", "publish", BOOK], api)).trim());
  await logMonth(stack, period, say);
  const { results } = await ask("finaliseInvoices", {
    header: { "Idempotency-Key": "bench" },
    body: { tenant_id: TENANT, period_from: formatHour(period.from), period_to: formatHour(period.to) },
  });
  const invoice_id = results[0]?.invoice?.invoice_id ?? "";
  say(`an invoice over ${invoicedHours} hours, ${invoice_id}`);
  const invoice = await measure("invoice", INVOICES_PER_S, () => ({
    url: `${url}/v1/invoices/${invoice_id}`,
    key,
  }));
  const quote = await measure("quote", QUOTES_PER_S, () => ({
    url: `${url}/v1/quotes`,
    key,
    body: WORKLOAD,
  }));
  const events = Number(values.events);
  const hours = Math.max(1, Math.floor((systemClock.nowMs() / 1000 - monthStart) / HOUR_S));
  await fillMonth(admin, { events, from: monthStart, hours }, say);
  const live = await measure("month to date", LIVE_PER_S, () => ({
    url: `${url}/v1/usage?tenant_id=${LIVE_TENANT}`,
    key,
  }));
  await service.end("SIGTERM");
  await admin.close();
  report({ rating, invoice, quote, live: { events, ...live } });

  function pricingEnvironment(): Record<string, string> {
    const { user, password } = stack.users.pricing;
    return {
      METERHOUSE_LOG_LEVEL: "warn",
      METERHOUSE_METRICS_PORT: "0",
      METERHOUSE_API_RATE: "100000",
      METERHOUSE_KAFKA_BROKERS: stack.kafkaBrokers.join(),
      METERHOUSE_CLICKHOUSE_URL: stack.clickhouseUrl,
      METERHOUSE_CLICKHOUSE_USER: user,
      METERHOUSE_CLICKHOUSE_PASSWORD: password,
    };
  }

  async function untilItAnswers(): Promise<void> {
    while (
      !(await ask("listPriceBooks", {}).then(
        () => true,
        () => false,
      ))
    ) {
      service.check();
      await systemClock.sleep(50);
    }
  }
} finally {
  await stack.stop();
}

async function measure(
  what: string,
  perSecond: number,
  request: Parameters<typeof load>[0],
): Promise<Latency> {
  await load(request, { perSecond, seconds: WARM_UP_S });
  const latency = await load(request, { perSecond, seconds });
  say(`${what}: p50 ${latency.p50_ms} ms, p99 ${latency.p99_ms} ms at ${perSecond} requests/s`);
  return latency;
}

async function rate(): Promise<Rating> {
  const child = spawn(process.execPath, ["bench/pricing/rating.ts"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...environment(), BENCH_ROWS: values.rows, BENCH_TENANTS: String(TENANTS) },
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`rating ended with ${code}`);
  return JSON.parse(output) as Rating;
}

function report(result: {
  rating: Rating;
  invoice: Latency;
  quote: Latency;
  live: Latency & { events: number };
}) {
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  const { rating: rated, ...latencies } = result;
  line(
    `rating            ${rated.rows.toLocaleString("en")} rows in ${rated.seconds.toFixed(1)} s (${rated.cpu_seconds.toFixed(1)} s of CPU), ${rated.rss_mib} MiB`,
  );
  for (const [name, { p50_ms, p99_ms, requests_per_s }] of Object.entries(latencies)) {
    line(`${name.padEnd(17)} p50 ${p50_ms} ms, p99 ${p99_ms} ms at ${requests_per_s} requests/s`);
  }
  if (values.json) line(JSON.stringify(result));
}
