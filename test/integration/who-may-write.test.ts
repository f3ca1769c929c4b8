// Who may write to the topic may not take events out: only a void of the pricing service does, and only of the tenant it names.

import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import type { EventVoid } from "../../services/domain/event/reader.ts";
import { voidContent } from "../../services/domain/trust/corrections.ts";
import { encodeEvent, encodeVoid, makeEvent, makeVoid } from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { macsOf, OTHER_CORRECTION_KEY } from "../support/builders/trust.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";

const HOUR_MS = 3_600_000;
const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS;
const event = (seed: string, tenant_id: string) => makeEvent(hourMs + 60_000, seed, { tenant_id });
const VOIDED = event("voided", "acme");
const FORGED = event("forged", "globex");
const UNSIGNED = event("unsigned", "globex");
const FOREIGN = event("foreign", "globex");

it("a forged void is rejected with its reason, a void in another tenant's name takes nothing out", async () => {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database } = flow.target;
  const writer = openClickHouse({ url, database, ...users.settlement });
  onTestFinished(() => writer.close());
  const settlement = (afterMs: number) =>
    pass(
      settlementOver(new ClickHouseSettlementStore(writer, database), {
        clock: new ManualClock(hourMs + HOUR_MS + afterMs),
      }),
    );
  const usage = () =>
    flow.query(`SELECT tenant_id, toUInt32(sum(events)) AS events, max(revision) AS revision
      FROM usage_hourly_current GROUP BY tenant_id ORDER BY tenant_id`);
  flow.start();
  await flow.send([VOIDED, FORGED, UNSIGNED, FOREIGN].map(encodeEvent));
  await flow.received(4);
  await settlement(HOUR_MS);
  expect(await usage()).toEqual([
    { tenant_id: "acme", events: 1, revision: 1 },
    { tenant_id: "globex", events: 3, revision: 1 },
  ]);

  const forged = makeVoid(FORGED.event_id, { tenant_id: "globex" });
  const mac = macsOf(OTHER_CORRECTION_KEY).macOf(voidContent(forged as unknown as EventVoid));
  await flow.send([
    encodeVoid({ ...forged, correction_mac: mac }),
    encodeVoid({ ...forged, correction_mac: mac.replace("test-2", "test-1") }),
    encodeVoid(makeVoid(UNSIGNED.event_id, { correction_mac: null })),
    encodeVoid(makeVoid(FOREIGN.event_id, { tenant_id: "acme" })),
  ]);
  await flow.received(8);
  expect(
    await flow.query("SELECT toString(reject_code) AS code FROM rejected_events ORDER BY kafka_offset"),
  ).toEqual([
    { code: "CORRECTION_KEY_UNKNOWN" },
    { code: "CORRECTION_MAC_INVALID" },
    { code: "CORRECTION_MAC_MISSING" },
  ]);
  await settlement(2 * HOUR_MS);
  expect(await usage()).toEqual([
    { tenant_id: "acme", events: 1, revision: 1 },
    { tenant_id: "globex", events: 3, revision: 1 },
  ]);

  await flow.send([encodeVoid(makeVoid(VOIDED.event_id, { tenant_id: "acme" }))]);
  await flow.received(9);
  await settlement(3 * HOUR_MS);
  expect(await usage()).toEqual([{ tenant_id: "globex", events: 3, revision: 2 }]);
});
