// What a valid totals record and a valid void are.

import { idTimeMs, isUuidV7 } from "../event/id.ts";
import type { EventVoid, GpuTotals } from "../event/reader.ts";
import { isCleanText } from "../event/text.ts";
import {
  type AcceptedAge,
  type Fault,
  FUTURE_MAX_MS,
  QUANTITY_MAX,
  TEXT_BYTES_MAX,
  timeFault,
} from "../event/validate.ts";
import { MINUTE_US } from "../time/hour.ts";
import { utf8 } from "./utf8.ts";

const REASON_BYTES_MAX = 1024;

export function validateTotals(totals: GpuTotals, ingestedAtMs: number, age: AcceptedAge): Fault | undefined {
  for (const [field, value] of Object.entries(totals)) {
    if (typeof value !== "number" || field === "sharing") continue;
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
  const parts = BigInt(attributed_ns) + BigInt(operator_ns) + BigInt(idle_ns) + BigInt(unattributed_ns);
  if (parts !== BigInt(wall_time_ns)) {
    return { code: "TOTALS_NOT_CONSERVED", detail: `wall_time_ns ${wall_time_ns}, parts ${parts}` };
  }
  return undefined;
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
    textFault("issued_by", order.issued_by, TEXT_BYTES_MAX)
  );
}

function textFault(field: string, text: string, bytesMax: number): Fault | undefined {
  const bytes = utf8(text);
  if (bytes.length < 1 || bytes.length > bytesMax) {
    return { code: "EVENT_TEXT_LENGTH", detail: `${field} has ${bytes.length} bytes` };
  }
  return isCleanText(bytes, 0, bytes.length) ? undefined : { code: "EVENT_TEXT_INVALID", detail: field };
}
