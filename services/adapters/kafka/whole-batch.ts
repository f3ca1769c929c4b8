import type { Fault } from "../../domain/event/codes.ts";

/** What the source finds as a message's `attributes`, to tell that kafkajs took this decoder. */
export interface WholeBatchFields {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  /** Number of its codec, 0 for none. */
  readonly codec: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly isAppendTime: boolean;
  /** All its bytes, as they came. */
  readonly bytes: Uint8Array;
  /** What is wrong with it, if its records cannot be believed. */
  readonly fault: Fault | undefined;
}

export class WholeBatch {
  readonly fields: WholeBatchFields;

  constructor(fields: WholeBatchFields) {
    this.fields = fields;
  }
}
