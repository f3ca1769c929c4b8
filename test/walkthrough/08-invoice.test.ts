// Chapter 8: an invoice is read and verified.
//
// Now all of it at once, with the commands that you would type: events through a real Kafka and the processor into a real
// ClickHouse; `meterhouse price-book publish` brings prices into force and `meterhouse close` rates an hour by them;
// `meterhouse invoice` shows what is owed and finalises it. `meterhouse verify` adds it up again from the events, and finds
// out if anybody has touched one since.
import { expect, it, onTestFinished } from "vitest";
import { formatHour, hourOf } from "../../services/domain/time/hour.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { meterhouse, settingsOf } from "../support/stack/meterhouse.ts";
import { startPricing } from "../support/stack/pricing-process.ts";

/** Two hours ago: it is over, and so is the grace for what comes late. */
const HOUR = hourOf(Date.now()) - 7200;
const hour = formatHour(HOUR);
const next = formatHour(HOUR + 3600);

/** Half the memory and half the power of an H100, for so many seconds of a minute: see chapter 7. */
function event(tenant: string, seconds: number, outcome: string) {
  const endedAtMs = (HOUR + 60) * 1000;
  const half = { memory_peak_bytes: 42_949_672_960, energy_uj: seconds * 350_000_000, gpu_busy_ns: null };
  return encodeEvent(
    makeEvent(endedAtMs, tenant, {
      ...half,
      tenant_id: tenant,
      project_id: "chat",
      outcome,
      started_at: (endedAtMs - 60_000) * 1000,
      gpu_time_ns: seconds * 1_000_000_000,
    }),
  );
}

it("goes from events to an invoice that anyone can check", async () => {
  const flow = await sharedFlow({ partitions: 2 });
  const processor = flow.start();
  await flow.send([event("anna", 36, "ok"), event("anna", 36, "ok"), event("bert", 18, "cancelled")]);
  expect(await flow.received(3)).toMatchObject({ counted: 2, duplicates: 1 });
  await processor.stop();

  // Prices are published through the API, by somebody with a key to it.
  const pricing = settingsOf(flow, "pricing", { METERHOUSE_API_PORT: "0", METERHOUSE_METRICS_PORT: "0" });
  const made = await meterhouse(
    pricing,
    "key",
    "create",
    "--scope",
    "operator",
    "--name",
    "finance",
    "--json",
  );
  const { key } = JSON.parse(made.printed) as { key: string };
  const service = await startPricing({ ...pricing, METERHOUSE_LOG_LEVEL: "info" });
  onTestFinished(() => void service.stop());
  const finance = { METERHOUSE_API_URL: service.url, METERHOUSE_API_KEY: key };
  const published = await meterhouse(finance, "price-book", "publish", "docs/price-books/2026-h100.json");
  expect(published.printed).toMatch(/^2026 H100 is published: in USD from 2026-01-01T00:00:00Z on/);

  const settlement = settingsOf(flow, "settlement");
  const closed = await meterhouse(settlement, "close", "--through", hour);
  expect(closed.printed.split("\n")).toEqual([
    `closed   ${hour} revision 1, 2 events`,
    `rated    ${hour} revision 1: 2 charges, 0.029062500000 USD`,
  ]);

  // 36 s are a hundredth of an hour. Sent twice, billed once; and what was cancelled after 18 s has used 18 s.
  const period = ["--from", hour, "--to", next];
  const draft = await meterhouse(finance, "invoice", "draft", "--tenant", "anna", ...period);
  expect(draft.printed.split("\n")).toEqual([
    `Draft for anna, ${hour} up to ${next}`,
    "  Usage: synthetic-7b on NVIDIA H100 80GB HBM3, chat (on_demand)",
    "    0.00775 composite GPU-hours x 2.50 = 0.019375, rounded 0.02 USD",
    "Total: 0.02 USD",
  ]);
  const run = await meterhouse(finance, "invoice", "finalise", ...period);
  expect(run.printed.split("\n")).toEqual([
    `${hour} up to ${next}:`,
    expect.stringMatching(/^ {2}anna: invoice 1, 0\.02 USD, 1 line \([0-9a-f]{64}\)$/),
    expect.stringMatching(/^ {2}bert: invoice 2, 0\.01 USD, 1 line \([0-9a-f]{64}\)$/),
  ]);

  const [invoice = ""] = /[0-9a-f]{64}/.exec(run.printed) ?? [];
  const verified = await meterhouse(finance, "verify", invoice);
  expect(verified).toMatchObject({ code: 0, printed: expect.stringMatching(/^invoice 1 of anna matches/) });
  const added = await meterhouse(settlement, "verify", "--hour", hour);
  expect(added).toMatchObject({ code: 0, printed: expect.stringMatching(/events in the log +match/) });

  // Somebody with the right to do so makes Anna's event a nanosecond shorter.
  const tampering = "ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns - 1 WHERE tenant_id = 'anna'";
  await flow.target.admin.command(tampering, { settings: { mutations_sync: "1" } });
  const found = await meterhouse(finance, "verify", invoice);
  expect(found).toMatchObject({ code: 1, printed: expect.stringMatching(/^invoice 1 of anna DIFFERS/) });
  const differs = await meterhouse(settlement, "verify", "--hour", hour);
  expect(differs).toMatchObject({ code: 1, printed: expect.stringMatching(/events in the log +DIFFER/) });
});
