import type { PayloadHash } from "../event/payload-hash.ts";
import type { HourIndex } from "../time/hour.ts";
import { KafkaRecord } from "./record-run.ts";

/**
 * Where one row of an event comes from: its record, and which slice of the event it is. One object for all rows of an
 * intake, filled anew for each: nothing is allocated per event, and no two numbers can be swapped in a call.
 */
export class SliceRef {
  partition = 0;
  record: KafkaRecord = new KafkaRecord();
  hash: PayloadHash = { low: 0, high: 0, upperLow: 0, upperHigh: 0 };
  /** Hours since the Unix epoch. */
  hour: HourIndex = 0;
  /** The last slice stands for the event: it alone counts as one. Column `home`. */
  isLastSlice = false;
}
