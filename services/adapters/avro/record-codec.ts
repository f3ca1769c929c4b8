import { EventRecord } from "../../domain/event/record.ts";
import { validateEvent } from "../../domain/event/validate.ts";
import type { RecordCodec } from "../../domain/ports/records.ts";
import { successorContent, voidContent } from "../../domain/trust/corrections.ts";
import { recordWriter } from "./codec.ts";
import { createRecordReader } from "./reader.ts";
import { loadSchemas } from "./schemas.ts";

/** Writes records in the newest schemas, and reads and validates an event as the processor will. */
export function createRecordCodec(): RecordCodec {
  const schemas = loadSchemas();
  const reader = createRecordReader({ schemas });
  const writeEvent = recordWriter(schemas, "gpu_time_event");
  const writeVoid = recordWriter(schemas, "event_void");
  const event = new EventRecord();
  const readEvent = (value: Uint8Array) => {
    const bytes = Uint8Array.from(value);
    return reader.read(bytes, new DataView(bytes.buffer), 0, bytes.length, event);
  };
  return {
    encodeSuccessor(fields, macOf) {
      const unsigned = { ...fields, session_token: null, correction_mac: null };
      const record = writeEvent(unsigned);
      if (macOf === null || readEvent(record.value).type !== "event") return record;
      const content = successorContent(event.bytes, event.bodyStart, event.contentEnd);
      return writeEvent({ ...unsigned, correction_mac: macOf(content) });
    },
    encodeVoid(order, macOf) {
      const correction_mac = macOf?.(voidContent(order)) ?? null;
      return writeVoid({ ...order, event_id: Buffer.from(order.event_id), correction_mac });
    },
    rejection(value, { nowMs, ageMsMax }) {
      const read = readEvent(value);
      if (read.type === "unreadable") return `${read.code}: ${read.detail}`;
      const fault = validateEvent(event, nowMs, { age_max_ms: ageMsMax });
      return fault === undefined ? null : `${fault.code}: ${fault.detail}`;
    },
  };
}
