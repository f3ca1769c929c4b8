// What a card can do in a stretch of time, so that no event charges for more. Plausibility bounds and no sums that are billed, so
// floats: each has room for what real cards and real probes do, and what passes it is a broken counter or an invented event.
import type { Fault, RejectCode } from "./codes.ts";
import { isNull, NUMBERS, type NumberField } from "./record.ts";

/**
 * Counters of the card are read every 100 ms, and what rose since the reading before is the work's that ran in between. A host that
 * stalls reads late: the probe takes readings up to 10 s apart for one window (`_WINDOW_MAX_NS` of gpu-probe's driver/gpm.py).
 */
export const READING_SLACK_US = 10_000_000;
/**
 * Of the power limit. 4, as it is read at the probe's start and may be raised from the least that a card takes to the most (100 to
 * 400 W of an A100 SXM4, 200 to 700 W of an H100); x 1.5, as peaks of 947 W were read under a limit of 700 W (gpu-probe/traces/h100-serving-trace).
 */
const POWER_FACTOR = 6;
/** No card has more, in milliwatts: 1.4 kW of a B300 is the most in service and 3.6 kW the most announced (Rubin Ultra). */
export const POWER_MAX_MW = 10_000_000;
/** Of the card's memory: unified memory lets a process allocate more than there is. */
const MEMORY_FACTOR = 2;
/** Bytes. The memory of a server of 24 TiB, which a probe without a card reports, and some more. */
const MEMORY_MAX_BYTES = 2 ** 45;
/** A direction. Twice NVLink 6: 3.6 TB/s of a Rubin card in both directions together. */
const NVLINK_MAX_BYTES_PER_US = 3_600_000;
/** Twice what 10^15 FLOP/s do for a model of 22 million parameters (2 FLOP a parameter and token), the smallest in common use. */
const TOKENS_MAX_PER_US = 45;
/** A step is one launch at least, and a launch takes a card 2 µs; twice that. */
export const STEPS_MAX_PER_US = 1;
/** Thousandths. A million sessions in one step: vLLM's `max_num_seqs` is 256 to 1024. */
const BATCH_SIZE_MAX_MILLI = 1_000_000_000;

/** Most energy that a card takes in, microjoules: 1 mW for 1 µs is a nanojoule. */
export const energyMaxUj = (power_mw: number, span_us: number): number =>
  (power_mw * (span_us + READING_SLACK_US)) / 1_000;

/** Most power that a card of this limit draws, milliwatts. Drivers that know no limit say nothing, or 0. */
const powerMaxMw = (limit_mw: number): number =>
  isNull(limit_mw) || limit_mw === 0 ? POWER_MAX_MW : Math.min(limit_mw * POWER_FACTOR, POWER_MAX_MW);

/** Counts and traffic, by the time that the event covers. */
const RATES: readonly (readonly [NumberField, number, RejectCode])[] = [
  ["nvlink_tx_bytes", NVLINK_MAX_BYTES_PER_US, "EVENT_NVLINK_EXCEEDS_LINK"],
  ["nvlink_rx_bytes", NVLINK_MAX_BYTES_PER_US, "EVENT_NVLINK_EXCEEDS_LINK"],
  ["tokens_in", TOKENS_MAX_PER_US, "EVENT_TOKENS_EXCEED_SPAN"],
  ["tokens_cached", TOKENS_MAX_PER_US, "EVENT_TOKENS_EXCEED_SPAN"],
  ["tokens_out", TOKENS_MAX_PER_US, "EVENT_TOKENS_EXCEED_SPAN"],
  ["batch_steps", STEPS_MAX_PER_US, "EVENT_STEPS_EXCEED_SPAN"],
];
const RATE_FIELDS = Int32Array.from(RATES, ([field]) => NUMBERS[field]);
const RATE_MAX = Float64Array.from(RATES, ([, rate]) => rate);

/** @param numbers of an event, each within the range of its field; absent ones pass, as nothing is more than NaN */
export function boundsFault(numbers: Float64Array): Fault | undefined {
  const of = (field: NumberField): number => numbers[NUMBERS[field]] as number;
  const span_us = of("ended_at") - of("started_at");
  for (let i = 0; i < RATE_FIELDS.length; i++) {
    const value = numbers[RATE_FIELDS[i] as number] as number;
    if (value > (RATE_MAX[i] as number) * (span_us + READING_SLACK_US)) return rateFault(i, value, span_us);
  }
  if (of("batch_size_avg_milli") > BATCH_SIZE_MAX_MILLI) {
    const detail = `batch_size_avg_milli ${of("batch_size_avg_milli")} is over ${BATCH_SIZE_MAX_MILLI}`;
    return { code: "EVENT_BATCH_SIZE_RANGE", detail };
  }
  return memoryFault(of("memory_peak_bytes"), of("memory_total_bytes")) ?? powerFault(of, span_us);
}

function rateFault(index: number, value: number, span_us: number): Fault {
  const [field, rate, code] = RATES[index] as (typeof RATES)[number];
  const allowed = rate * (span_us + READING_SLACK_US);
  return { code, detail: `${field} ${value} over ${span_us} µs, at most ${allowed}` };
}

/** A total of 0 is one that is not known. */
function memoryFault(peak: number, total: number): Fault | undefined {
  const code = "EVENT_MEMORY_EXCEEDS_CARD";
  if (total > MEMORY_MAX_BYTES)
    return { code, detail: `memory_total_bytes ${total} is over ${MEMORY_MAX_BYTES}` };
  const allowed = total === 0 ? MEMORY_MAX_BYTES : total * MEMORY_FACTOR;
  return peak > allowed
    ? { code, detail: `memory_peak_bytes ${peak} with memory_total_bytes ${total}, at most ${allowed}` }
    : undefined;
}

function powerFault(of: (field: NumberField) => number, span_us: number): Fault | undefined {
  const limit = of("power_limit_mw");
  const allowed = powerMaxMw(limit);
  const code = "EVENT_POWER_EXCEEDS_CARD";
  if (limit > POWER_MAX_MW) return { code, detail: `power_limit_mw ${limit} is over ${POWER_MAX_MW}` };
  for (const field of ["power_avg_mw", "power_peak_mw"] as const) {
    if (of(field) > allowed) return { code, detail: `${field} ${of(field)}, at most ${allowed}` };
  }
  const energy = of("energy_uj");
  const energyMax = energyMaxUj(allowed, span_us);
  return energy > energyMax
    ? {
        code: "EVENT_ENERGY_EXCEEDS_POWER",
        detail: `energy_uj ${energy} over ${span_us} µs, at most ${energyMax} at ${allowed} mW`,
      }
    : undefined;
}
