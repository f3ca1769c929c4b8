// Load in the shape of the recorded H100 workload: 16 tenants by Zipf's law, sessions of some 280 steps, all fields of the schema
// filled. Deterministic: record i is the same in every run.
import { createHash } from "node:crypto";
import { recordWriter } from "../services/adapters/avro/codec.ts";
import { loadSchemas } from "../services/adapters/avro/schemas.ts";
import type { EncodedRecord } from "../services/domain/ports/records.ts";

const TENANTS = 16;
/** Every 50th record is a copy of one sent shortly before: 2 %. */
const COPY_EVERY = 50;
const COPY_DISTANCE = 977;
const weights = Array.from({ length: TENANTS }, (_, i) => 1 / (i + 1));
const weightSum = weights.reduce((sum, weight) => sum + weight, 0);

const encode = recordWriter(loadSchemas(), "gpu_time_event");

const isCopy = (i: number): boolean => i % COPY_EVERY === COPY_EVERY - 1 && i > COPY_DISTANCE;

/** Record `i` of a load whose events end in the `spanMs` before `endMs`. */
export function record(i: number, endMs: number, spanMs: number): EncodedRecord {
  const n = isCopy(i) ? i - COPY_DISTANCE : i;
  const draw = createHash("sha256").update(`bench-${n}`).digest();
  const endedMs = endMs - (draw.readUInt32LE(0) % spanMs);
  const gpuTime = 20_000_000 + (draw.readUInt32LE(4) % 400_000_000);
  const span = Math.ceil(gpuTime / 1000) * (20 + ((draw[8] as number) % 40));
  const steps = 1 + (draw.readUInt16LE(9) % 500);
  const unit = (draw[11] as number) % 8;
  const id = Buffer.from(draw.subarray(16, 32));
  id.writeUIntBE(endedMs, 0, 6);
  id[6] = ((id[6] as number) & 0x0f) | 0x70;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  return encode({
    event_id: id,
    session_id: `0192c7f0-${n.toString(16).padStart(12, "0")}`,
    sequence: 0,
    tenant_id: `tenant-${String(tenant(draw.readUInt32LE(12))).padStart(2, "0")}`,
    project_id: `project-${(draw[13] as number) % 5}`,
    user_id: `user-${draw.readUInt16LE(14) % 5000}`,
    model: "synthetic-7b",
    model_version: "2026-11",
    node: "gpu-node-3.example.internal",
    container_id: `serving-7b-${unit}`,
    gpu_uuid: `GPU-52f9d98e-8ef1-2841-28d6-8a9dafbefdb${unit}`,
    gpu_model: "NVIDIA H100 80GB HBM3",
    mig_profile: null,
    sharing: "exclusive",
    rank: 0,
    world_size: 1,
    phase: "inference",
    outcome: (draw[12] as number) < 200 ? "ok" : (draw[12] as number) < 215 ? "timeout" : "cancelled",
    started_at: endedMs * 1000 - span,
    ended_at: endedMs * 1000,
    gpu_time_ns: gpuTime,
    gpu_busy_ns: Math.floor(gpuTime * 0.9),
    communication_ns: 0,
    time_quality: "measured",
    memory_peak_bytes: 17_314_611_200 + draw.readUInt32LE(20),
    memory_scope: "shared",
    memory_total_bytes: 85_520_809_984,
    energy_uj: Math.floor(gpuTime * 0.6),
    power_avg_mw: 600_000 + (draw[24] as number) * 100,
    power_peak_mw: 690_000,
    power_limit_mw: 700_000,
    energy_quality: "counter",
    nvlink_tx_bytes: draw.readUInt32LE(24),
    nvlink_rx_bytes: draw.readUInt32LE(26),
    tokens_in: 1 + (draw.readUInt16LE(28) % 4000),
    tokens_cached: 0,
    tokens_out: steps,
    batch_steps: steps,
    batch_size_avg_milli: 55_000,
    apportionment: "fitted-hinge@1",
    probe_version: "0.1.0",
    busy_quality: "counter",
  });
}

function tenant(draw: number): number {
  let rest = (draw / 2 ** 32) * weightSum;
  for (const [i, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return i;
  }
  return TENANTS - 1;
}
