// Records of every shape, the same for the same seed: whole and split over hours, with every absent value, good and bad.
import { HOUR_MS, NOW_HOUR, NOW_MS } from "../flows/intake.ts";
import {
  type EventFields,
  makeEvent,
  makeTotals,
  makeVoid,
  type TotalsFields,
  uuidV7,
  type VoidFields,
} from "./events.ts";

/** Mulberry32: 32 bits a draw. */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const UINT32 = 2 ** 32 - 1;

/** Some of them are copies, some are out of bounds, and one in six lasts over the hour's end. */
export function randomEvents(seed: number, count: number): EventFields[] {
  const draw = draws(seed);
  const pick = <T>(...values: readonly T[]): T => values[draw() % values.length] as T;
  const upTo = (max: number): number => Math.floor((draw() / 2 ** 32) * (max + 1));
  const maybe = <T>(value: T): T | null => (draw() % 3 === 0 ? null : value);
  const events: EventFields[] = [];
  while (events.length < count) {
    const copied = events[upTo(events.length)];
    if (draw() % 20 === 0 && copied !== undefined) {
      events.push(draw() % 2 === 0 ? copied : { ...copied, tokens_out: upTo(9) });
      continue;
    }
    const endedMs =
      draw() % 3 === 0 ? NOW_HOUR * HOUR_MS + upTo(2_000) - 1_000 : NOW_MS - upTo(90 * 60_000) + 60_000;
    const spanUs = draw() % 6 === 0 ? upTo(3 * 3_600) * 1_000_000 + upTo(999_999) : 1_000 + upTo(5_000_000);
    const world_size = draw() % 8 === 0 ? 4 : 1;
    const gpu_time_ns = Math.floor((draw() / 2 ** 32) * spanUs * 1000);
    /** Of a rate a microsecond, what the card can do and no more. */
    const within = (rate: number, max: number) => upTo(Math.min(max, Math.floor(rate * spanUs)));
    const power_limit_mw = maybe(100_000 + upTo(1_900_000));
    events.push(
      makeEvent(endedMs, `random-${seed}-${events.length}`, {
        sequence: draw(),
        tenant_id: pick("tenant-01", "tenant-02", "租户", "t".repeat(128)),
        project_id: `project-${upTo(4)}`,
        user_id: maybe(`user-${upTo(200)}`),
        model: pick("synthetic-7b", "synthetic-70b"),
        model_version: pick("1", "2"),
        node: `node-${upTo(300)}`,
        container_id: maybe(`pod-${upTo(50)}`),
        gpu_model: pick("NVIDIA H100 80GB HBM3", "NVIDIA L4"),
        mig_profile: maybe(pick("1g.10gb", "3g.40gb")),
        sharing: pick("exclusive", "mps", "timeslice"),
        rank: upTo(world_size - 1),
        world_size,
        phase: pick("load", "warmup", "inference"),
        outcome: pick("ok", "error", "timeout", "cancelled", "interrupted"),
        started_at: endedMs * 1000 - spanUs,
        gpu_time_ns,
        gpu_busy_ns: maybe(Math.floor(gpu_time_ns / 2)),
        communication_ns: Math.floor(gpu_time_ns / 3),
        time_quality: pick("measured", "bounded", "estimated"),
        memory_peak_bytes: upTo(2 ** 42),
        memory_scope: pick("session", "shared"),
        memory_total_bytes: 2 ** 41 + upTo(2 ** 44),
        energy_uj: maybe(
          draw() % 40 === 0 ? 2 ** 52 + 1 : within((power_limit_mw ?? 10_000_000) / 1_000, 2 ** 52),
        ),
        power_avg_mw: maybe(draw() % 40 === 0 ? 2 ** 32 : upTo(500_000)),
        power_peak_mw: maybe(upTo(500_000)),
        power_limit_mw,
        energy_quality: pick("counter", "integral", "model", "none"),
        nvlink_tx_bytes: maybe(within(3_600_000, 2 ** 52)),
        nvlink_rx_bytes: maybe(within(3_600_000, 2 ** 52)),
        tokens_in: within(45, UINT32),
        tokens_cached: within(45, UINT32),
        tokens_out: draw() % 40 === 0 ? 2 ** 32 : within(45, UINT32),
        batch_steps: within(1, UINT32),
        batch_size_avg_milli: upTo(1_000_000_000),
        apportionment: pick("equal@1", "fitted-hinge@1"),
        probe_version: pick("0.1.0", "0.2.0"),
      }),
    );
  }
  return events;
}

export function randomTotals(seed: number, count: number): TotalsFields[] {
  const draw = draws(seed + 1_000);
  return Array.from({ length: count }, (_, i) =>
    makeTotals(NOW_MS - (draw() % 3_600_000), `totals-${seed}-${i}`, {
      mig_profile: draw() % 2 === 0 ? null : "1g.10gb",
      energy_uj: draw() % 2 === 0 ? null : 16_000_000_000,
      steps: draw() % 40_000_000,
    }),
  );
}

export function randomVoids(seed: number, count: number): VoidFields[] {
  const draw = draws(seed + 2_000);
  return Array.from({ length: count }, (_, i) =>
    makeVoid(uuidV7(NOW_MS - (draw() % 3_600_000), `void-${seed}-${i}`), { reason: `reason ${draw()}` }),
  );
}
