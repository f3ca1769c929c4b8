// Events for tests: valid unless changed, and the same for the same arguments.
import { createHash } from "node:crypto";
import { recordWriter } from "../../../services/adapters/avro/codec.ts";
import { loadSchemas } from "../../../services/adapters/avro/schemas.ts";
import type { EventVoid } from "../../../services/domain/event/reader.ts";
import type { EncodedRecord } from "../../../services/domain/ports/records.ts";
import { voidContent } from "../../../services/domain/trust/corrections.ts";
import { CORRECTION_MACS } from "./trust.ts";

export type EventFields = Record<string, unknown> & {
  event_id: Uint8Array;
  started_at: number;
  ended_at: number;
};

const schemas = loadSchemas();
export const encodeEvent = recordWriter(schemas, "gpu_time_event") as (fields: EventFields) => EncodedRecord;
/** As a probe of before writes it. */
export const encodeEventV1 = recordWriter(
  schemas.filter(({ version }) => version === "v1"),
  "gpu_time_event",
) as (fields: EventFields) => EncodedRecord;
export const encodeTotals = recordWriter(schemas, "gpu_totals");
const writeVoid = recordWriter(schemas, "event_void");

/** Of an event of `makeEvent`'s tenant, with the MAC that the processors of the tests expect, unless the fields say otherwise. */
export function signedVoid(fields: VoidFields): VoidFields {
  const order = { tenant_id: "tenant-01", ...fields };
  const correction_mac = CORRECTION_MACS.macOf(voidContent(order as unknown as EventVoid));
  return { correction_mac, ...order };
}

export const encodeVoid = (fields: VoidFields): EncodedRecord => writeVoid(signedVoid(fields));

/** Fields that are enums. By hand: what the code makes of its table of fields is checked against it. */
export const ENUM_FIELDS = [
  "sharing",
  "phase",
  "outcome",
  "time_quality",
  "memory_scope",
  "energy_quality",
  "busy_quality",
] as const;

/** A UUIDv7 for `ms` whose other bits are a hash of `seed`. */
export function uuidV7(ms: number, seed: string): Buffer {
  const id = createHash("sha256").update(seed).digest().subarray(0, 16);
  id.writeUIntBE(ms, 0, 6);
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x70, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  return Buffer.from(id);
}

/** An event of 250 ms that ends at `endedAtMs`; `seed` makes it another one. */
export function makeEvent(
  endedAtMs: number,
  seed: string,
  fields: Record<string, unknown> = {},
): EventFields {
  const base = {
    event_id: uuidV7(endedAtMs, seed),
    session_id: `session-${seed}`,
    sequence: 0,
    tenant_id: "tenant-01",
    project_id: "project-1",
    user_id: null,
    model: "synthetic-7b",
    model_version: "1",
    node: "node-1",
    container_id: "pod-1",
    gpu_uuid: "GPU-52f9d98e-8ef1-2841-28d6-8a9dafbefdb3",
    gpu_model: "NVIDIA H100 80GB HBM3",
    mig_profile: null,
    sharing: "exclusive",
    rank: 0,
    world_size: 1,
    phase: "inference",
    outcome: "ok",
    started_at: (endedAtMs - 250) * 1000,
    ended_at: endedAtMs * 1000,
    gpu_time_ns: 120_000_001,
    gpu_busy_ns: 100_000_000,
    communication_ns: 0,
    time_quality: "measured",
    memory_peak_bytes: 17_314_611_200,
    memory_scope: "shared",
    memory_total_bytes: 85_520_809_984,
    energy_uj: 61_234_567,
    power_avg_mw: 510_000,
    power_peak_mw: 690_000,
    power_limit_mw: 700_000,
    energy_quality: "counter",
    nvlink_tx_bytes: null,
    nvlink_rx_bytes: null,
    tokens_in: 374,
    tokens_cached: 0,
    tokens_out: 55,
    batch_steps: 56,
    batch_size_avg_milli: 41_250,
    apportionment: "fitted-hinge@1",
    probe_version: "0.1.0",
  };
  const made = { ...base, ...fields };
  // as an event of version 1 is read, where a test does not say it
  return { busy_quality: made.gpu_busy_ns === null ? "elapsed" : "sampled", ...made };
}

export type TotalsFields = Record<string, unknown> & { totals_id: Uint8Array };
export type VoidFields = Record<string, unknown> & { event_id: Uint8Array };

/** The totals of half a minute that ends at `endedAtMs`, balanced; `seed` makes them others. */
export function makeTotals(
  endedAtMs: number,
  seed: string,
  fields: Record<string, unknown> = {},
): TotalsFields {
  const base = {
    totals_id: uuidV7(endedAtMs, seed),
    node: "node-1",
    container_id: "pod-1",
    gpu_uuid: "GPU-52f9d98e-8ef1-2841-28d6-8a9dafbefdb3",
    gpu_model: "NVIDIA H100 80GB HBM3",
    mig_profile: null,
    sharing: "exclusive",
    rank: 0,
    started_at: (endedAtMs - 30_000) * 1000,
    ended_at: endedAtMs * 1000,
    wall_time_ns: 30_000_000_000,
    attributed_ns: 20_000_000_001,
    operator_ns: 5_000_000_000,
    idle_ns: 4_999_999_000,
    unattributed_ns: 999,
    busy_ns: 21_000_000_000,
    busy_attributed_ns: 16_000_000_001,
    busy_operator_ns: 4_000_000_000,
    unmetered_ns: 999_999_999,
    busy_quality: "counter",
    unmetered_processes: "4711:python3",
    energy_uj: 16_000_000_000,
    energy_attributed_uj: 12_000_000_000,
    energy_operator_uj: 3_000_000_000,
    energy_idle_uj: 400_000_000,
    energy_parked_uj: 500_000_000,
    energy_unmetered_uj: 100_000_000,
    parked_models: "synthetic-7b",
    steps: 1_200,
    steps_missed: 3,
    lost_events: 2,
    probe_version: "0.1.0",
  };
  return { ...base, ...fields };
}

/** An order that takes `event_id` out. */
export function makeVoid(event_id: Uint8Array, fields: Record<string, unknown> = {}): VoidFields {
  const base = {
    reason: "billed to the wrong tenant",
    issued_by: "ops@example.com",
    issued_at: 1_795_000_000_000_000,
  };
  return { event_id, ...base, ...fields };
}
