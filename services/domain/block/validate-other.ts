// What a valid totals record and a valid void are.

import { energyMaxUj, POWER_MAX_MW, READING_SLACK_US, STEPS_MAX_PER_US } from "../event/bounds.ts";
import type { Fault } from "../event/codes.ts";
import { idTimeMs, isUuidV7 } from "../event/id.ts";
import type { EventVoid, GpuTotals } from "../event/reader.ts";
import { BUSY, ENUMS } from "../event/record.ts";
import { isCleanText } from "../event/text.ts";
import {
  type AcceptedAge,
  FUTURE_MAX_MS,
  isBeyond,
  QUANTITY_MAX,
  TEXT_BYTES_MAX,
  timeFault,
} from "../event/validate.ts";
import { MINUTE_US } from "../time/hour.ts";
import { utf8 } from "./utf8.ts";

const REASON_BYTES_MAX = 1024;
/** Lists of names in one text: what else ran on the card, which models were loaded. */
const LIST_BYTES_MAX = 4096;

export function validateTotals(totals: GpuTotals, ingestedAtMs: number, age: AcceptedAge): Fault | undefined {
  for (const [field, value] of Object.entries(totals)) {
    if (typeof value !== "number" || field === "sharing" || field === "busy_quality") continue;
    if (value < 0) return { code: "EVENT_NUMBER_NEGATIVE", detail: `${field} is ${value}` };
    if (value > QUANTITY_MAX || (field === "rank" && value > 65_535)) {
      return { code: "EVENT_NUMBER_RANGE", detail: `${field} is ${value}` };
    }
  }
  const { started_at, ended_at, wall_time_ns, attributed_ns, operator_ns, idle_ns, unattributed_ns } = totals;
  const fault =
    timeFault(totals.totals_id, 0, started_at, ended_at, ingestedAtMs, age) ?? totalsTextFault(totals);
  if (fault !== undefined) return fault;
  if (Math.floor(started_at / MINUTE_US) * MINUTE_US + MINUTE_US < ended_at) {
    return { code: "TOTALS_CROSS_MINUTE", detail: `started_at ${started_at}, ended_at ${ended_at}` };
  }
  const parts = sum(attributed_ns, operator_ns, idle_ns, unattributed_ns);
  if (parts !== BigInt(wall_time_ns)) {
    return { code: "TOTALS_NOT_CONSERVED", detail: `wall_time_ns ${wall_time_ns}, parts ${parts}` };
  }
  return totalsBoundsFault(totals) ?? busyFault(totals) ?? energyFault(totals);
}

/** Samples of the card's activity are spread over gaps of up to a second (`_GAP_MAX_NS` of gpu-probe's driver/sampled.py). */
const BUSY_SLACK_NS = 1_000_000_000;

/** What one card can do in the record's time. Parts of the time need no bound of their own: they add up to the whole. */
function totalsBoundsFault(totals: GpuTotals): Fault | undefined {
  const { started_at, ended_at, wall_time_ns, steps } = totals;
  const span_us = ended_at - started_at;
  const span_ns = span_us * 1000;
  if (isBeyond(wall_time_ns, span_ns)) {
    return { code: "TOTALS_TIME_EXCEEDS_SPAN", detail: `wall_time_ns ${wall_time_ns} over ${span_ns} ns` };
  }
  const busy = totals.busy_ns ?? 0;
  if (isBeyond(busy, span_ns + BUSY_SLACK_NS)) {
    return { code: "TOTALS_TIME_EXCEEDS_SPAN", detail: `busy_ns ${busy} over ${span_ns} ns` };
  }
  const stepsMax = STEPS_MAX_PER_US * (span_us + READING_SLACK_US);
  if (steps > stepsMax) {
    const detail = `steps ${steps} over ${span_us} µs, at most ${stepsMax}`;
    return { code: "TOTALS_STEPS_EXCEED_SPAN", detail };
  }
  const energyMax = energyMaxUj(POWER_MAX_MW, span_us);
  for (const field of ENERGIES) {
    const energy = totals[field] ?? 0;
    if (energy > energyMax) {
      const detail = `${field} ${energy} over ${span_us} µs, at most ${energyMax}`;
      return { code: "TOTALS_ENERGY_EXCEEDS_POWER", detail };
    }
  }
  return undefined;
}

/** Each, as version 1 knows no whole to check them against. */
const ENERGIES = [
  "energy_uj",
  "energy_attributed_uj",
  "energy_operator_uj",
  "energy_idle_uj",
  "energy_parked_uj",
  "energy_unmetered_uj",
] as const;

const sum = (...parts: readonly number[]): bigint => parts.reduce((total, part) => total + BigInt(part), 0n);

function busyFault(totals: GpuTotals): Fault | undefined {
  const { busy_ns, busy_attributed_ns, busy_operator_ns, unmetered_ns, busy_quality } = totals;
  const all = [busy_ns, busy_attributed_ns, busy_operator_ns, unmetered_ns];
  if ((busy_quality === BUSY.elapsed) !== (busy_ns === null)) {
    const detail = `quality ${ENUMS.busy_quality[busy_quality]}, busy_ns ${busy_ns}`;
    return { code: "TOTALS_BUSY_QUALITY", detail };
  }
  if (all.every((part) => part === null)) return undefined;
  const [busy, ...known] = all.filter((part) => part !== null);
  const parts = sum(...known);
  if (known.length === 3 && parts === BigInt(busy as number)) return undefined;
  const detail = `busy_ns ${busy_ns}, parts ${all.slice(1).join(" + ")}`;
  return { code: "TOTALS_BUSY_NOT_CONSERVED", detail };
}

/** Only where all are known, which version 1 cannot say. */
function energyFault(totals: GpuTotals): Fault | undefined {
  const { energy_attributed_uj, energy_operator_uj, energy_idle_uj } = totals;
  const { energy_uj, energy_parked_uj, energy_unmetered_uj } = totals;
  const all = [
    energy_attributed_uj,
    energy_operator_uj,
    energy_idle_uj,
    energy_parked_uj,
    energy_unmetered_uj,
  ];
  const known = all.filter((part) => part !== null);
  if (energy_uj === null || known.length < all.length || sum(...known) === BigInt(energy_uj))
    return undefined;
  return { code: "TOTALS_ENERGY_NOT_CONSERVED", detail: `energy_uj ${energy_uj}, parts ${sum(...known)}` };
}

function totalsTextFault(totals: GpuTotals): Fault | undefined {
  const { node, gpu_uuid, gpu_model, probe_version, container_id, mig_profile } = totals;
  for (const [field, text] of Object.entries({ node, gpu_uuid, gpu_model, probe_version })) {
    const fault = textFault(field, text, TEXT_BYTES_MAX);
    if (fault !== undefined) return fault;
  }
  for (const [field, text] of Object.entries({ container_id, mig_profile })) {
    const fault = text === null ? undefined : textFault(field, text, TEXT_BYTES_MAX);
    if (fault !== undefined) return fault;
  }
  const { unmetered_processes, parked_models } = totals;
  for (const [field, text] of Object.entries({ unmetered_processes, parked_models })) {
    const fault = text === null ? undefined : textFault(field, text, LIST_BYTES_MAX);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** @param ingestedAtMs the broker's append time: nothing later than the events of that time can be taken out */
export function validateVoid(order: EventVoid, ingestedAtMs: number): Fault | undefined {
  if (!isUuidV7(order.event_id, 0)) {
    return { code: "EVENT_ID_NOT_UUIDV7", detail: "version or variant bits differ" };
  }
  const aheadMs = idTimeMs(order.event_id, 0) - ingestedAtMs;
  if (aheadMs > FUTURE_MAX_MS) {
    return { code: "EVENT_TIME_FUTURE", detail: `the event's id is ${aheadMs} ms after the append time` };
  }
  if (order.issued_at < 0)
    return { code: "EVENT_NUMBER_NEGATIVE", detail: `issued_at is ${order.issued_at}` };
  if (order.issued_at > QUANTITY_MAX)
    return { code: "EVENT_NUMBER_RANGE", detail: `issued_at is ${order.issued_at}` };
  return (
    textFault("reason", order.reason, REASON_BYTES_MAX) ??
    textFault("issued_by", order.issued_by, TEXT_BYTES_MAX) ??
    (order.tenant_id === null ? undefined : textFault("tenant_id", order.tenant_id, TEXT_BYTES_MAX))
  );
}

function textFault(field: string, text: string, bytesMax: number): Fault | undefined {
  const bytes = utf8(text);
  if (bytes.length < 1 || bytes.length > bytesMax) {
    return { code: "EVENT_TEXT_LENGTH", detail: `${field} has ${bytes.length} bytes` };
  }
  return isCleanText(bytes, 0, bytes.length) ? undefined : { code: "EVENT_TEXT_INVALID", detail: field };
}
