// What must hold of any usage_log, whatever happened on the way. Every promise's test ends with it.
import { expect } from "vitest";
import type { Flow } from "../flows/flow.ts";

/** @param records how many were sent, duplicates and broken ones included; Kafka made no gaps */
export async function expectAccount(flow: Flow, records: number): Promise<void> {
  expect(await unbalancedBatches(flow), "batches whose account does not add up").toEqual([]);
  expect(await untiled(flow), "gaps and overlaps of the batches").toEqual([]);
  const totals = await flow.totals();
  expect(totals.received).toBe(records);
  const [rows] = await flow.query<{ homes: string; ids: string; others: string; rejected: string }>(
    `SELECT countIf(kind = 'event' AND home = 1) AS homes, uniqExactIf(event_id, kind = 'event') AS ids,
       countIf(kind IN ('totals', 'void')) AS others, countIf(kind = 'rejected') AS rejected FROM usage_log`,
  );
  expect(rows?.homes, "events that count twice").toBe(rows?.ids);
  expect(Number(rows?.homes) + Number(rows?.others)).toBe(totals.counted);
  expect(Number(rows?.rejected)).toBe(totals.rejected + totals.conflicts);
  expect(await unequalWindows(flow), "windows that are not the sums of their events").toEqual([]);
}

/** With `flow.keepParts()` from the beginning: each part is one whole insert with the batch rows of all that is in it. */
export async function expectOnePartPerBatch(flow: Flow): Promise<void> {
  const strays = await flow.query(
    `SELECT part, kind, kafka_partition, kafka_offset
     FROM (SELECT _part AS part, kind, kafka_partition, kafka_offset FROM usage_log) AS r
     LEFT JOIN (
       SELECT _part AS part, kafka_partition, min(numbers[1]) AS first, max(kafka_offset) AS last, count() AS batches
       FROM usage_log WHERE kind = 'batch' GROUP BY part, kafka_partition
     ) AS b USING (part, kafka_partition)
     WHERE batches != 1 OR kafka_offset < first OR kafka_offset > last LIMIT 10`,
  );
  expect(strays, "rows apart from their batch").toEqual([]);
}

async function unbalancedBatches(flow: Flow): Promise<object[]> {
  return flow.query("SELECT * FROM batches WHERE received != counted + duplicates + conflicts + rejected");
}

/** From offset 0 on, each batch begins where the one before it ended, and holds as many records as offsets. */
async function untiled(flow: Flow): Promise<object[]> {
  return flow.query(
    `SELECT * FROM (
       SELECT kafka_partition, first_offset, last_offset, received,
         lagInFrame(toInt64(last_offset), 1, -1) OVER
           (PARTITION BY kafka_partition ORDER BY first_offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) + 1 AS expected
       FROM batches)
     WHERE first_offset != expected OR received != last_offset - first_offset + 1`,
  );
}

const KEY = "hour, tenant_id, project_id, model, gpu_model, sharing, phase, outcome";

async function unequalWindows(flow: Flow): Promise<object[]> {
  const summed = [
    "gpu_time_ns",
    "communication_ns",
    "tokens_in",
    "tokens_cached",
    "tokens_out",
    "batch_steps",
  ];
  const optional = ["energy_uj", "nvlink_tx_bytes", "nvlink_rx_bytes"];
  const events = [
    "sum(toUInt256(home)) AS events",
    ...summed.map((name) => `sum(toUInt256(e.${name})) AS ${name}`),
    ...optional.map((name) => `sum(toUInt256(ifNull(e.${name}, 0))) AS ${name}`),
    "sumIf(toUInt256(ifNull(e.gpu_busy_ns, 0)), busy_quality != 'elapsed') AS gpu_busy_ns",
    "sumIf(toUInt256(e.gpu_time_ns), busy_quality != 'elapsed') AS gpu_busy_known_ns",
    "sumIf(toUInt256(e.gpu_time_ns), busy_quality = 'counter') AS gpu_busy_counter_ns",
    "sum(toUInt256(memory_peak_bytes) * e.gpu_time_ns) AS memory_time_byte_ns",
    "sum(toUInt256(ifNull(power_avg_mw, 0)) * e.gpu_time_ns) AS power_avg_time_mw_ns",
    "sum(toUInt256(ifNull(power_peak_mw, 0)) * e.gpu_time_ns) AS power_peak_time_mw_ns",
  ];
  const names = events.map((column) => column.split(" AS ")[1] as string);
  const windows = names.map((name) => `sum(toUInt256(w.${name})) AS ${name}`);
  // windows without an event count duplicates, conflicts, rejects and voids alone
  return flow.query(
    `SELECT * FROM (SELECT ${KEY}, ${events.join(", ")} FROM events AS e GROUP BY ${KEY}) AS a
     FULL OUTER JOIN (
       SELECT ${KEY}, ${windows.join(", ")} FROM usage_windows AS w GROUP BY ${KEY}
       HAVING events > 0 OR gpu_time_ns > 0
     ) AS b USING (${KEY})
     WHERE (${names.map((name) => `a.${name}`).join(", ")}) != (${names.map((name) => `b.${name}`).join(", ")}) LIMIT 5`,
  );
}

/** One line for all event rows and all windows: the same for the same records, however they were cut into batches. */
export async function fingerprint(flow: Flow): Promise<object> {
  const [events] = await flow.query(
    "SELECT count() AS n, sum(cityHash64(* EXCEPT (ingested_at))) AS hash, sum(gpu_time_ns) AS gpu_time_ns FROM events",
  );
  const [windows] = await flow.query(
    `SELECT count() AS n, sum(cityHash64(*)) AS hash FROM (
       SELECT ${KEY}, sumForEach(numbers) AS numbers FROM usage_log WHERE kind = 'window' GROUP BY ${KEY})`,
  );
  const [rejected] = await flow.query(
    "SELECT count() AS n, sum(cityHash64(kafka_partition, kafka_offset, reject_code, raw)) AS hash FROM rejected_events",
  );
  return { events, windows, rejected, totals: await flow.totals() };
}
