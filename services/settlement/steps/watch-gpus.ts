import { unmeteredGpus } from "../../domain/closing/account.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import { formatHour } from "../../domain/time/hour.ts";
import type { Settlement } from "../pass.ts";

/** Warns of GPUs that worked for nobody in an hour that was closed for the first time. What is billed does not depend on it. */
export async function watchGpus(deps: Settlement, closed: readonly HourClose[]): Promise<void> {
  const { store, log, metrics, unmeteredPercent } = deps;
  if (closed.length === 0) return;
  const watched = await store.gpuHours(closed.map(({ hour }) => hour));
  for (const [hour, gpus] of watched) {
    for (const { unmetered_ns } of gpus) metrics.unmetered_seconds.inc(Number(unmetered_ns) / 1e9);
    for (const gpu of unmeteredGpus(gpus, unmeteredPercent)) {
      metrics.unmetered_gpu_hours.inc();
      const { gpu_uuid, gpu_model, physical_ns, busy_ns, unmetered_ns, unmetered_processes } = gpu;
      const times = { physical_ns: `${physical_ns}`, busy_ns: `${busy_ns}`, unmetered_ns: `${unmetered_ns}` };
      log.warn(
        { hour: formatHour(hour), gpu_uuid, gpu_model, ...times, unmetered_processes },
        "a GPU worked for somebody whom no probe meters: nobody pays for that; meter these processes, or move them off the card",
      );
    }
  }
}
