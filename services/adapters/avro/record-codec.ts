import { EventRecord } from "../../domain/event/record.ts";
import { validateEvent } from "../../domain/event/validate.ts";
import type { RecordCodec } from "../../domain/ports/records.ts";
import { recordWriter } from "./codec.ts";
import { createRecordReader } from "./reader.ts";
import { loadSchemas } from "./schemas.ts";

/** Writes records in the newest schemas, and reads and validates an event as the processor will. */
export function createRecordCodec(): RecordCodec {
  const schemas = loadSchemas();
  const reader = createRecordReader({ schemas });
  return {
    encodeEvent: recordWriter(schemas, "gpu_time_event"),
    encodeVoid: recordWriter(schemas, "event_void"),
    rejection(value, { nowMs, ageMsMax }) {
      const event = new EventRecord();
      const bytes = Uint8Array.from(value);
      const read = reader.read(bytes, new DataView(bytes.buffer), 0, bytes.length, event);
      if (read.type === "unreadable") return `${read.code}: ${read.detail}`;
      const fault = validateEvent(event, nowMs, { age_max_ms: ageMsMax });
      return fault === undefined ? null : `${fault.code}: ${fault.detail}`;
    },
  };
}
