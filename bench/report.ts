import type { DedupeFigures } from "./dedupe.ts";
import type { Figures } from "./sides.ts";

export interface Results {
  readonly records: number;
  readonly meterhouse: readonly Figures[];
  readonly naive: readonly Figures[];
  readonly ceilingSeconds: readonly number[];
  readonly dedupe: DedupeFigures;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Prints medians over the rounds; with `json` the last line is one JSON object. */
export function report(results: Results, json: boolean): void {
  const { records, meterhouse, naive, ceilingSeconds, dedupe } = results;
  const rate = (seconds: readonly number[]): number => Math.round(records / median(seconds));
  const own = rate(meterhouse.map((it) => it.seconds));
  const other = rate(naive.map((it) => it.seconds));
  const top = rate(ceilingSeconds);
  const cpu = median(meterhouse.map((it) => (it.cpuSeconds * 1e6) / records));
  const naiveCpu = median(naive.map((it) => (it.cpuSeconds * 1e6) / records));
  const rss = median(meterhouse.map((it) => it.rssMib));
  const line = (text: string): void => void process.stdout.write(`${text}\n`);
  line(
    `Meterhouse        ${own.toLocaleString("en")} events/s, ${cpu.toFixed(2)} µs of CPU an event, ${rss} MiB`,
  );
  line(`naive pipeline    ${other.toLocaleString("en")} events/s, ${naiveCpu.toFixed(2)} µs of CPU an event`);
  line(`ceiling           ${top.toLocaleString("en")} rows/s`);
  line(`ratio             ${(own / other).toFixed(2)} x naive, ${(own / top).toFixed(3)} of the ceiling`);
  line(
    `dedupe            ${dedupe.bytesPerId.toFixed(1)} bytes and ${dedupe.microsecondsPerId.toFixed(2)} µs an id, ${dedupe.rssMib} MiB for 10 million`,
  );
  if (!json) return;
  line(
    JSON.stringify({
      events: records,
      meterhouse_events_per_s: own,
      naive_events_per_s: other,
      ceiling_events_per_s: top,
      ratio_to_naive: Number((own / other).toFixed(3)),
      ratio_to_ceiling: Number((own / top).toFixed(4)),
      processor_cpu_us_per_event: Number(cpu.toFixed(3)),
      rss_mib: rss,
      dedupe_bytes_per_id: Number(dedupe.bytesPerId.toFixed(2)),
    }),
  );
}
