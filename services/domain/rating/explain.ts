import { BUSY_SHARES, type ChargeFactor } from "./charges.ts";

/** A charge as it is stored: its factors as decimals in text, and what they are factors of. */
export type StoredCharge = { readonly [name in ChargeFactor]: string } & {
  readonly formula: string;
  readonly gpu_time_ns: string;
  readonly busy_ns: string;
  readonly currency: string;
  readonly gpu_model: string;
  readonly sharing: string;
  readonly outcome: string;
};

export interface Step {
  readonly what: string;
  readonly how: string;
  readonly value: string;
}

/** How a charge came about, step by step, in the order of the formula. Every value is one of the charge's own terms. */
export function explain(charge: StoredCharge): Step[] {
  const it = charge;
  return [
    { what: "GPU-hours", how: `${it.gpu_time_ns} ns of GPU time / 3,600,000,000,000`, value: it.gpu_hours },
    { what: "busy", how: busyText(it), value: it.busy_ratio },
    { what: "rate", how: `${it.currency} per GPU-hour of ${it.gpu_model}`, value: it.rate_per_gpu_hour },
    {
      what: "memory",
      how: "peak of memory, weighted by time, / the reference card's memory",
      value: it.memory_ratio,
    },
    {
      what: "power",
      how: "energy / (time x the reference card's power limit)",
      value: it.power_ratio,
    },
    {
      what: "NVLink",
      how: "bytes sent and received / (time x the reference card's bandwidth)",
      value: it.nvlink_ratio,
    },
    { what: "fluctuation", how: "peak of power / average of power - 1", value: it.fluctuation },
    {
      what: "composite",
      how: [
        ...(isWeighed(it.weight_time) ? [it.weight_time] : []),
        ...(isWeighed(it.weight_busy) ? [`${it.weight_busy} x busy`] : []),
        ...(isWeighed(it.weight_held) ? [`${it.weight_held} as held`] : []),
        `${it.weight_memory} x memory`,
        `${it.weight_power} x power`,
        `${it.weight_nvlink} x NVLink`,
        `${it.weight_fluctuation} x fluctuation`,
      ].join(" + "),
      value: it.composite,
    },
    { what: "sharing", how: `factor for a GPU that is used as ${it.sharing}`, value: it.quality_sharing },
    { what: "outcome", how: `factor for sessions that ended as ${it.outcome}`, value: it.quality_outcome },
    {
      what: "contention",
      how:
        it.formula === "composite@1"
          ? "busy time / GPU time, within the book's bounds"
          : `no factor of ${it.formula}, which weighs busy time itself`,
      value: it.quality_contention,
    },
    { what: "interruption", how: "factor for interrupted sessions", value: it.quality_interruption },
    { what: "generation", how: `factor of ${it.gpu_model}`, value: it.quality_generation },
    {
      what: "quality",
      how: "sharing x outcome x contention x interruption x generation",
      value: it.quality,
    },
    {
      what: "charge",
      how: "GPU-hours x rate x composite x quality, from the nanoseconds, rounded once, half to even",
      value: it.charge,
    },
  ];
}

const isWeighed = (weight: string): boolean => /[1-9]/.test(weight);

function busyText(it: StoredCharge): string {
  const shares = BUSY_SHARES.map((name) => it[name]);
  if (!shares.some(isWeighed)) return "no busy time was kept when this was rated";
  const [counter, sampled, elapsed] = shares;
  return (
    `${it.busy_ns} ns busy / ${it.gpu_time_ns} ns elapsed; of the GPU time ${counter} by the card's counter, ` +
    `${sampled} by samples, ${elapsed} not measured and so elapsed`
  );
}
