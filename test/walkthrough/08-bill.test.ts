// Chapter 8: a bill is read and verified.
//
// Now all of it at once, with the commands that you would type: events through a real Kafka and the processor into a real
// ClickHouse, then `meterhouse close`, `meterhouse bill` and `meterhouse verify`. The last one adds a closed hour up again
// from its events, and finds out if anybody has touched one since.

import { expect, it } from "vitest";
import { formatHour, hourOf } from "../../services/domain/time/hour.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { meterhouse, settingsOf } from "../support/stack/meterhouse.ts";

/** Two hours ago: it is over, and so is the grace for what comes late. */
const HOUR = hourOf(Date.now()) - 7200;
const hour = formatHour(HOUR);

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

it("goes from events to a bill that anyone can check", async () => {
  const flow = await sharedFlow({ partitions: 2 });
  const processor = flow.start();
  await flow.send([event("anna", 36, "ok"), event("anna", 36, "ok"), event("bert", 18, "cancelled")]);
  expect(await flow.received(3)).toMatchObject({ counted: 2, duplicates: 1 });
  await processor.stop();

  const settings = settingsOf(flow, "settlement");
  const closed = await meterhouse(settings, "close", "--through", hour);
  expect(closed.printed.split("\n")).toEqual([
    `closed   ${hour} revision 1, 2 events`,
    `rated    ${hour} revision 1: 2 charges, 0.029062500000 USD`,
  ]);

  // 36 s are a hundredth of an hour. Sent twice, billed once; and what was cancelled after 18 s has used 18 s.
  const bill = await meterhouse(settings, "bill");
  expect(bill.printed.split("\n")).toEqual([
    "Bill of anna",
    "  project  model         what       GPU-hours  rate       composite         quality             USD",
    "  chat     synthetic-7b  ok    0.010000000000  2.50  0.775000000000  1.000000000000  0.019375000000",
    "  total                        0.010000000000                                        0.019375000000",
    "  GPU time shared among requests by fitted-hinge@1; charge = GPU-hours x rate x composite x quality",
    "",
    "Bill of bert",
    "  project  model         what            GPU-hours  rate       composite         quality             USD",
    "  chat     synthetic-7b  cancelled  0.005000000000  2.50  0.775000000000  1.000000000000  0.009687500000",
    "  total                             0.005000000000                                        0.009687500000",
    "  GPU time shared among requests by fitted-hinge@1; charge = GPU-hours x rate x composite x quality",
  ]);

  const verified = await meterhouse(settings, "verify", "--hour", hour);
  expect(verified).toMatchObject({ code: 0, printed: expect.stringMatching(/events in the log +match/) });

  // Somebody with the right to do so makes Anna's event a nanosecond shorter.
  const tampering = "ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns - 1 WHERE tenant_id = 'anna'";
  await flow.target.admin.command(tampering, { settings: { mutations_sync: "1" } });
  const found = await meterhouse(settings, "verify", "--hour", hour);
  expect(found).toMatchObject({ code: 1, printed: expect.stringMatching(/events in the log +DIFFER/) });
});
