// Batches as a processor would commit them, for tests of settlement that need no processor.
import type { ClickHouse } from "../../../services/adapters/clickhouse/client.ts";
import { dateTime } from "../../../services/adapters/clickhouse/settlement-rows.ts";
import {
  USAGE_SUMS,
  type UsageKey,
  type UsageSums,
  usageSums,
} from "../../../services/domain/closing/usage.ts";
import { type ENUMS, unsaidBusyQuality } from "../../../services/domain/event/record.ts";
import type { Hour } from "../../../services/domain/time/hour.ts";
import { H100 } from "../builders/price-books.ts";

/** One event in one hour. `id` is the whole identity: up to 16 characters. */
export interface LoggedEvent extends UsageKey {
  readonly id: string;
  readonly hour: Hour;
  readonly partition: number;
  readonly offset: number;
  readonly home: 0 | 1;
  readonly gpu_uuid: string;
  readonly gpu_time_ns: bigint;
  readonly gpu_busy_ns: bigint | null;
  readonly communication_ns: bigint;
  readonly memory_peak_bytes: bigint;
  readonly energy_uj: bigint | null;
  readonly power_avg_mw: bigint | null;
  readonly power_peak_mw: bigint | null;
  readonly nvlink_tx_bytes: bigint | null;
  readonly nvlink_rx_bytes: bigint | null;
  readonly tokens_in: bigint;
  readonly tokens_cached: bigint;
  readonly tokens_out: bigint;
  readonly batch_steps: bigint;
  readonly apportionment: string;
  readonly busy_quality: (typeof ENUMS)["busy_quality"][number];
  /** Only for questions about sessions; not there unless given. */
  readonly session_id?: string;
  readonly sequence?: number;
  readonly world_size?: number;
  readonly started_at?: string;
  readonly ended_at?: string;
}

export interface LoggedVoid {
  readonly id: string;
  readonly hour: Hour;
  readonly offset: number;
}

/** What a window row is summed by. */
export type WindowKey = Omit<UsageKey, "model_version" | "mig_profile">;

export interface LoggedWindow {
  readonly hour: Hour;
  readonly key: WindowKey;
  readonly sums: UsageSums;
  readonly duplicates: bigint;
}

/** One insert: offsets [first, last] of one partition and what was found in them. */
export interface LoggedBatch {
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  readonly events: readonly LoggedEvent[];
  readonly voids: readonly LoggedVoid[];
  readonly windows: readonly LoggedWindow[];
}

type Changes = Partial<LoggedEvent> & { readonly id: string; readonly hour: Hour };

/** A minute of half an H100, unless changed. */
function loggedEvent(changes: Changes): LoggedEvent {
  return {
    partition: 0,
    offset: 0,
    home: 1,
    tenant_id: "tenant-01",
    project_id: "project-1",
    model: "synthetic-7b",
    model_version: "1",
    gpu_model: H100,
    mig_profile: "",
    sharing: "exclusive",
    phase: "inference",
    outcome: "ok",
    gpu_uuid: "GPU-1",
    gpu_time_ns: 60_000_000_000n,
    gpu_busy_ns: null,
    communication_ns: 0n,
    memory_peak_bytes: 42_949_672_960n,
    energy_uj: 21_000_000_000n,
    power_avg_mw: 350_000n,
    power_peak_mw: 500_000n,
    nvlink_tx_bytes: null,
    nvlink_rx_bytes: null,
    tokens_in: 100n,
    tokens_cached: 10n,
    tokens_out: 20n,
    batch_steps: 21n,
    apportionment: "equal@1",
    busy_quality: unsaidBusyQuality((changes.gpu_busy_ns ?? null) !== null),
    ...changes,
  };
}

/** A batch that begins at `first`: its events, then its voids, one offset each; `duplicates` more were only counted. */
export function batch(
  partition: number,
  first: number,
  events: readonly Changes[],
  more: { readonly voids?: readonly { id: string; hour: Hour }[]; readonly duplicates?: number } = {},
): LoggedBatch {
  const { voids = [], duplicates = 0 } = more;
  const logged = events.map((event, index) => loggedEvent({ offset: first + index, ...event, partition }));
  const size = events.length + voids.length + duplicates;
  return {
    partition,
    first,
    last: first + size - 1,
    events: logged,
    voids: voids.map((it, index) => ({ ...it, offset: first + events.length + index })),
    windows: windowsOf(logged, BigInt(duplicates)),
  };
}

/** The sums of one event, as every count of it must find them. */
export function sumsOf(event: LoggedEvent): UsageSums {
  const time = event.gpu_time_ns;
  return {
    events: BigInt(event.home),
    gpu_time_ns: time,
    gpu_busy_ns: event.busy_quality === "elapsed" ? 0n : (event.gpu_busy_ns ?? 0n),
    gpu_busy_known_ns: event.busy_quality === "elapsed" ? 0n : time,
    communication_ns: event.communication_ns,
    memory_time_byte_ns: event.memory_peak_bytes * time,
    energy_uj: event.energy_uj ?? 0n,
    power_avg_time_mw_ns: (event.power_avg_mw ?? 0n) * time,
    power_peak_time_mw_ns: (event.power_peak_mw ?? 0n) * time,
    nvlink_tx_bytes: event.nvlink_tx_bytes ?? 0n,
    nvlink_rx_bytes: event.nvlink_rx_bytes ?? 0n,
    tokens_in: event.tokens_in,
    tokens_cached: event.tokens_cached,
    tokens_out: event.tokens_out,
    batch_steps: event.batch_steps,
    gpu_busy_counter_ns: event.busy_quality === "counter" ? time : 0n,
  };
}

export function addSums(sums: readonly UsageSums[]): UsageSums {
  return usageSums((name) => sums.reduce((total, one) => total + one[name], 0n));
}

export function windowKey(event: UsageKey): WindowKey {
  const { tenant_id, project_id, model, gpu_model, sharing, phase, outcome } = event;
  return { tenant_id, project_id, model, gpu_model, sharing, phase, outcome };
}

/** Appends a batch to usage_log, in one insert. */
export async function appendBatch(
  processor: ClickHouse,
  logged: LoggedBatch,
  ingest_day = "2026-11-23",
): Promise<void> {
  const { partition, first, last } = logged;
  const common = { ingest_day, ingested_at: "2026-11-23 12:00:00", kafka_partition: partition };
  const rows: object[] = [
    ...logged.events.map(({ id, partition: _partition, offset, hour, ...event }) => ({
      ...common,
      ...event,
      kind: "event",
      event_id: id.padEnd(16),
      kafka_offset: offset,
      hour: dateTime(hour),
    })),
    ...logged.voids.map(({ id, offset, hour }) => ({
      ...common,
      kind: "void",
      event_id: id.padEnd(16),
      kafka_offset: offset,
      hour: dateTime(hour),
    })),
    ...logged.windows.map(({ hour, key, sums, duplicates }) => ({
      ...common,
      ...key,
      kind: "window",
      kafka_offset: last,
      hour: dateTime(hour),
      numbers: [sums.events, duplicates, 0n, 0n, 0n, ...USAGE_SUMS.slice(1).map((name) => sums[name])],
    })),
    { ...common, kind: "batch", kafka_offset: last, numbers: [first, 1, last - first + 1] },
  ];
  await processor.insertRows("usage_log", rows);
}

function windowsOf(events: readonly LoggedEvent[], duplicates: bigint): LoggedWindow[] {
  const groups = Map.groupBy(events, (event) => JSON.stringify([event.hour, windowKey(event)]));
  return [...groups.values()].map((own, index) => {
    const [event] = own as [LoggedEvent];
    return {
      hour: event.hour,
      key: windowKey(event),
      sums: addSums(own.map(sumsOf)),
      duplicates: index === 0 ? duplicates : 0n,
    };
  });
}
