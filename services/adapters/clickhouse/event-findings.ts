// Which events of a closed hour are not what was counted. Asked only where the hour does not add up.

import {
  EVENT_TEXT_FIELDS,
  type EventFields,
  type EventRow,
  isAsCounted,
  QUANTITY_FIELDS,
  type QuantityField,
} from "../../domain/closing/logged-event.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import type { BatchFinding, EventFinding, EventFindings } from "../../domain/closing/verification.ts";
import type { EnumField, TextField } from "../../domain/event/record.ts";
import { eventHasher } from "../avro/event-hash.ts";
import { loadSchemas } from "../avro/schemas.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { payloadHasher } from "./payload-hash-key.ts";

const NAMED_MAX = 100;
/** Batches are few, and each one asks once more. */
const BATCHES_MAX = 10;
/** As parameters they have to fit into 128 KiB; where more are suspect, all are looked through. */
const TENANTS_MAX = 500;
/** Sorting and grouping the events of a busy hour goes to disk, rather than over the server's memory. */
const SPILL = {
  max_bytes_before_external_sort: "268435456",
  max_bytes_before_external_group_by: "268435456",
} as const;

/** What is wrong with the events of these tenants in a closed hour, under its own cut. */
export async function findEvents(
  clickhouse: ClickHouse,
  close: Pick<HourClose, "hour" | "cut">,
  tenants: readonly string[] | "all",
): Promise<EventFindings> {
  const areAll = tenants === "all" || tenants.length > TENANTS_MAX;
  const params = {
    hour: close.hour,
    cut: new Map(close.cut),
    all_tenants: areAll,
    tenants: areAll ? [] : tenants,
  };
  const found = new FindingList();
  const odd = await oddEvents(clickhouse, params);
  for (const event of odd.events) found.add(event);
  found.more += odd.more;
  const hashesOf = eventHasher(loadSchemas(), await payloadHasher(clickhouse));
  for await (const rows of eventsOf(clickhouse, params)) {
    const [row] = rows;
    // what is there twice is no split of one event, and has been named
    if (row === undefined || found.isRepeated(row.event_id) || isAsCounted(rows, hashesOf)) continue;
    const { event_id, kafka_partition, kafka_offset } = row;
    const tenant_id = row.fields.tenant_id;
    found.add({ finding: "changed", event_id, tenant_id, kafka_partition, kafka_offset });
  }
  return { events: found.events, more_events: found.more, ...(await oddBatches(clickhouse, params)) };
}

class FindingList {
  readonly events: EventFinding[] = [];
  readonly #repeated = new Set<string>();
  more = 0;

  add(event: EventFinding): void {
    if (event.finding === "repeated") this.#repeated.add(event.event_id);
    if (this.events.length < NAMED_MAX) this.events.push(event);
    else this.more += 1;
  }

  isRepeated(event_id: string): boolean {
    return this.#repeated.has(event_id);
  }
}

/** The rows of each event: those that lie in the hour alone as they come, the others put together. */
async function* eventsOf(clickhouse: ClickHouse, params: Params): AsyncGenerator<EventRow[]> {
  for await (const values of clickhouse.rows(loadQuery("settlement_hour_events"), params)) {
    yield [eventRow(values)];
  }
  let rows: EventRow[] = [];
  for await (const values of clickhouse.rows(loadQuery("settlement_hour_split_events"), params)) {
    const row = eventRow(values);
    if (rows.length > 0 && rows[0]?.event_id !== row.event_id) {
      yield rows;
      rows = [];
    }
    rows.push(row);
  }
  if (rows.length > 0) yield rows;
}

function eventRow(values: readonly unknown[]): EventRow {
  // in the order of settlement_hour_events.sql
  const [event_id, hour, home, kafka_partition, kafka_offset, low, high, ...fields] = values;
  const texts = EVENT_TEXT_FIELDS.map((name, at): [TextField | EnumField, string] => [
    name,
    String(fields[at]),
  ]);
  const quantities = QUANTITY_FIELDS.map((name, at): [QuantityField, bigint | null] => {
    const value = fields[EVENT_TEXT_FIELDS.length + at] as string | number | null;
    return [name, value === null ? null : BigInt(value)];
  });
  return {
    event_id: String(event_id),
    hour: Number(hour),
    home: home === 1,
    kafka_partition: Number(kafka_partition),
    kafka_offset: BigInt(kafka_offset as string),
    payload_hash: (BigInt(high as string) << 64n) | BigInt(low as string),
    fields: Object.fromEntries([...texts, ...quantities]) as EventFields,
  };
}

interface OddEvent {
  readonly finding: "repeated" | "uncounted";
  readonly id: string;
  readonly tenant: string;
  readonly partition: number;
  readonly offset: string;
  readonly total: string;
}

async function oddEvents(clickhouse: ClickHouse, params: Params) {
  const rows = await clickhouse.query<OddEvent>(
    loadQuery("settlement_odd_events"),
    { ...params, limit: NAMED_MAX },
    { settings: SPILL },
  );
  const events = rows.map(
    ({ finding, id, tenant, partition, offset }): EventFinding => ({
      finding,
      event_id: id,
      tenant_id: tenant,
      kafka_partition: partition,
      kafka_offset: BigInt(offset),
    }),
  );
  return { events, more: Number(rows[0]?.total ?? 0) - rows.length };
}

interface OddBatch {
  readonly partition: number;
  readonly first_offset: string;
  readonly last_offset: string;
  readonly counted: string;
  readonly found: string;
  readonly total: string;
}

async function oddBatches(clickhouse: ClickHouse, { hour, cut }: Params) {
  const rows = await clickhouse.query<OddBatch>(
    loadQuery("settlement_odd_batches"),
    { hour, cut, limit: BATCHES_MAX },
    { settings: SPILL },
  );
  const batches: BatchFinding[] = [];
  for (const { partition, first_offset, last_offset, counted, found } of rows) {
    const params = { partition, first: first_offset, last: last_offset, limit: NAMED_MAX };
    const isShort = BigInt(found) < BigInt(counted);
    const missing = isShort
      ? await clickhouse.query<{ kafka_offset: string }>(loadQuery("settlement_offsets_without_row"), params)
      : [];
    batches.push({
      kafka_partition: partition,
      first_offset: BigInt(first_offset),
      last_offset: BigInt(last_offset),
      counted: BigInt(counted),
      found: BigInt(found),
      offsets_without_row: missing.map(({ kafka_offset }) => BigInt(kafka_offset)),
    });
  }
  return { batches, more_batches: Number(rows[0]?.total ?? 0) - rows.length };
}
