// The commands as they are typed, against the real broker and engine: each is a process of its own.

import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { formatHour, hourOf } from "../../services/domain/time/hour.ts";
import { freePort } from "../../services/local/ports.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { eventually } from "../support/checks/eventually.ts";
import type { Flow } from "../support/flows/flow.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { meterhouse, settingsOf, startMeterhouse } from "../support/stack/meterhouse.ts";

const HOUR = hourOf(Date.now()) - 7200;
const hour = formatHour(HOUR);

async function counted(flow: Flow, ...names: string[]): Promise<void> {
  const before = (await flow.totals()).received;
  const processor = flow.start();
  await flow.send(names.map((name) => encodeEvent(makeEvent((HOUR + 60) * 1000, name))));
  await flow.received(before + names.length);
  await processor.stop();
}

/** What a service answers at this path, undefined while it does not listen. */
async function ask(port: number, path: string): Promise<{ status: number; body: string } | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  return answer && { status: answer.status, body: await answer.text() };
}

it("migrate changes nothing where nothing is to be changed", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const settings = settingsOf(flow, "migrate");
  expect(await meterhouse(settings, "migrate")).toEqual({ code: 0, printed: "nothing to apply" });
});

it("settlement closes by the clock, is ready once it did, shows it in its metrics and ends in order", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  await counted(flow, "first");
  const port = await freePort();
  const settings = settingsOf(flow, "settlement", {
    METERHOUSE_METRICS_PORT: String(port),
    METERHOUSE_CLOSE_SCHEDULE: "* * * * * *",
    METERHOUSE_REVISION_PAUSE: "0ms",
  });
  const service = startMeterhouse(settings, "settlement");
  onTestFinished(() => void service.kill("SIGKILL"));
  await eventually("ready", async () => ((await ask(port, "/readyz"))?.status === 200 ? true : undefined));
  const shows = (line: string) =>
    eventually(line, async () => ((await ask(port, "/metrics"))?.body.includes(line) ? true : undefined));
  await shows('meterhouse_closes_total{result="balanced",process="settlement"} 1');

  // What comes later is found by a later pass, without a command.
  await counted(flow, "late");
  await shows('meterhouse_late_events_total{process="settlement"} 1');
  expect(await flow.query("SELECT revision FROM hour_close_current")).toEqual([{ revision: 2 }]);

  service.kill("SIGTERM");
  expect((await once(service, "exit"))[0]).toBe(0);
});

it("close prints what it closed, and does an hour anew only for a reason", async () => {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const settings = settingsOf(flow, "settlement");
  await counted(flow, "first");
  const closed = await meterhouse(settings, "close", "--through", hour, "--json");
  expect(closed.code).toBe(0);
  expect(JSON.parse(closed.printed)).toMatchObject({ closed: [{ hour, revision: 1 }], waiting: [] });

  const silent = await meterhouse(settings, "close", "--hour", hour);
  expect(silent).toEqual({ code: 2, printed: "" });
  const reasoned = await meterhouse(settings, "close", "--hour", hour, "--reason", "asked by the auditor");
  expect(reasoned).toEqual({ code: 0, printed: "nothing to close" });
});
