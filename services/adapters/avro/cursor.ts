// Reads Avro's binary encoding (specification 1.11.1, "Binary Encoding") from a range of a buffer. Faults are remembered,
// not thrown: hostile bytes cost no exception each, and the caller looks once at the end.
import type { RejectCode } from "../../domain/event/codes.ts";

/** Stands for a varint of more than 2^53: beyond every limit of validate, whatever its exact value was. */
const BEYOND = 2 ** 60;

export class AvroCursor {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;
  fault: RejectCode | undefined = undefined;

  start(bytes: Uint8Array, position: number, end: number): void {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
    this.fault = undefined;
  }

  get failed(): boolean {
    return this.fault !== undefined || this.position > this.end;
  }

  /** What was wrong with the record, once all its fields were read. */
  finish(): RejectCode | undefined {
    if (this.fault !== undefined) return this.fault;
    if (this.position > this.end) return "RECORD_TRUNCATED";
    return this.position < this.end ? "RECORD_MALFORMED" : undefined;
  }

  malformed(): number {
    this.fault ??= this.position > this.end ? "RECORD_TRUNCATED" : "RECORD_MALFORMED";
    return 0;
  }

  /** A zigzag varint (int, long, union branch, enum). Exact up to 2^53. */
  long(): number {
    const bytes = this.bytes;
    let position = this.position;
    let byte = bytes[position++] as number;
    let low = byte & 0x7f;
    if (byte >= 0x80) {
      byte = bytes[position++] as number;
      low |= (byte & 0x7f) << 7;
      if (byte >= 0x80) {
        byte = bytes[position++] as number;
        low |= (byte & 0x7f) << 14;
        if (byte >= 0x80) {
          byte = bytes[position++] as number;
          low |= (byte & 0x7f) << 21;
          if (byte >= 0x80) {
            this.position = position;
            return this.longTail(low);
          }
        }
      }
    }
    this.position = position;
    return (low >>> 1) ^ -(low & 1);
  }

  private longTail(low: number): number {
    const bytes = this.bytes;
    let position = this.position;
    let high = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = bytes[position++] as number;
      if (shift < 28) high |= (byte & 0x7f) << shift;
      else if ((byte & 0x7f) !== 0) high = -1;
      shift += 7;
    } while (byte >= 0x80 && shift < 42);
    this.position = position;
    if (byte >= 0x80) this.malformed();
    // bits 54 and up of the zigzag form: the value is beyond 2^53
    if (high < 0 || high >= 2 ** 26) return low & 1 ? -BEYOND : BEYOND;
    const half = high * 2 ** 27 + (low >>> 1);
    return low & 1 ? -half - 1 : half;
  }

  /** Maps the writer's symbol to the reader's index. */
  enumeration(map: readonly number[]): number {
    const index = map[this.long()];
    if (index === undefined || index < 0) return this.malformed();
    return index;
  }

  /** A length that must lie within the record. */
  length(): number {
    const length = this.long();
    if (length < 0 || length > this.end - this.position) {
      this.fault ??= length < 0 ? "RECORD_MALFORMED" : "RECORD_TRUNCATED";
      return 0;
    }
    return length;
  }

  text(starts: Int32Array, lengths: Int32Array, index: number): void {
    const length = this.length();
    starts[index] = this.position;
    lengths[index] = length;
    this.position += length;
  }

  /** Steps over `count` bytes and says where they started. */
  skip(count: number): number {
    const start = this.position;
    this.position += count;
    return start;
  }
}
