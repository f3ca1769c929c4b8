import { expect, it } from "vitest";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { expectAccount } from "../support/checks/account.ts";
import { sharedFlow } from "../support/flows/flow.ts";

const HOUR_MS = 3_600_000;
const HOUR_S = 3_600;

it("splits an event that crosses hours into rows that add up to it, and windows into the same sums", async () => {
  const flow = await sharedFlow({ partitions: 1 });
  const hour = Math.floor(Date.now() / HOUR_MS) - 1;
  const start = hour * HOUR_MS;
  const whole = {
    gpu_time_ns: 1_000_000_007,
    gpu_busy_ns: 900_000_001,
    communication_ns: 101,
    energy_uj: 61_234_567,
    nvlink_tx_bytes: 1_000_003,
    nvlink_rx_bytes: null,
    tokens_in: 374,
    tokens_cached: 7,
    tokens_out: 55,
    batch_steps: 3,
  };
  flow.start();
  await flow.send([
    // a third before the hour's end and two thirds after it
    encodeEvent(makeEvent(start + 2_000, "crossing", { ...whole, started_at: (start - 1_000) * 1000 })),
    // ends exactly with the hour: it never was in the next one
    encodeEvent(makeEvent(start, "until", { tokens_out: 1 })),
    encodeEvent(makeEvent(start + 250, "from", { tokens_out: 2 })),
    // four hours, of which two are covered whole
    encodeEvent(makeEvent(start + 1, "long", { ...whole, started_at: (start - 2 * HOUR_MS - 1) * 1000 })),
  ]);
  await flow.received(4);

  const crossing = await flow.query(
    `SELECT toUnixTimestamp(hour) AS hour_s, home, gpu_time_ns, gpu_busy_ns, communication_ns, energy_uj,
       nvlink_tx_bytes, nvlink_rx_bytes, tokens_in, tokens_cached, tokens_out, batch_steps
     FROM events WHERE session_id = 'session-crossing' ORDER BY hour`,
  );
  expect(crossing).toEqual([
    {
      hour_s: (hour - 1) * HOUR_S,
      home: 0,
      gpu_time_ns: "333333335",
      gpu_busy_ns: "300000000",
      communication_ns: "33",
      energy_uj: "20411522",
      nvlink_tx_bytes: "333334",
      nvlink_rx_bytes: null,
      tokens_in: 124,
      tokens_cached: 2,
      tokens_out: 18,
      batch_steps: 1,
    },
    {
      hour_s: hour * HOUR_S,
      home: 1,
      gpu_time_ns: "666666672",
      gpu_busy_ns: "600000001",
      communication_ns: "68",
      energy_uj: "40823045",
      nvlink_tx_bytes: "666669",
      nvlink_rx_bytes: null,
      tokens_in: 250,
      tokens_cached: 5,
      tokens_out: 37,
      batch_steps: 2,
    },
  ]);

  const rows = await flow.query(
    `SELECT session_id, groupArray(toUnixTimestamp(hour) / 3600 - {hour:Int64}) AS hours, sum(home) AS homes,
       sum(gpu_time_ns) AS gpu_time_ns, sum(energy_uj) AS energy_uj, sum(tokens_out) AS tokens_out
     FROM (SELECT * FROM events ORDER BY hour) GROUP BY session_id ORDER BY session_id`,
    { hour },
  );
  const same = { gpu_time_ns: "1000000007", energy_uj: "61234567" };
  const usual = { gpu_time_ns: "120000001", energy_uj: "61234567" };
  expect(rows).toEqual([
    { session_id: "session-crossing", hours: [-1, 0], homes: "1", ...same, tokens_out: "55" },
    { session_id: "session-from", hours: [0], homes: "1", ...usual, tokens_out: "2" },
    { session_id: "session-long", hours: [-3, -2, -1, 0], homes: "1", ...same, tokens_out: "55" },
    { session_id: "session-until", hours: [-1], homes: "1", ...usual, tokens_out: "1" },
  ]);
  await expectAccount(flow, 4);
});
