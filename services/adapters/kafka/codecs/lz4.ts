// LZ4 frames (lz4_Frame_format.md), as Kafka's producers write them. The frame's own checksums are passed over: the record
// batch has one over all of it.
import { type Decoded, Output } from "./output.ts";

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const DICTIONARY = 0x01;
/** Magic, flags, block size and the header's checksum. */
const HEADER_BYTES = 7;
const STORED = 0x80000000;
const EXPECTED_RATIO = 4;
const MATCH_MIN = 4;
const LENGTH_GOES_ON = 15;
const LENGTH_BYTE_MAX = 255;

/** The bytes of one frame, at most `bytesMax`. */
export function lz4Frame(bytes: Uint8Array, bytesMax: number): Decoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) return "damaged";
  const flags = bytes[4] as number;
  if ((flags & VERSION_MASK) !== VERSION || (flags & DICTIONARY) !== 0) return "damaged";
  const checksumBytes = (flags & BLOCK_CHECKSUM) === 0 ? 0 : 4;
  const output = new Output(bytes.length * EXPECTED_RATIO, bytesMax);
  let at = HEADER_BYTES + ((flags & CONTENT_SIZE) === 0 ? 0 : 8);
  while (at + 4 <= bytes.length) {
    const word = view.getUint32(at, true);
    if (word === 0) return output.result(true);
    const length = word & ~STORED;
    at += 4;
    const end = at + length;
    if (end > bytes.length) break;
    const isWhole =
      word >= STORED ? output.literal(bytes, at, length) : block(bytes.subarray(at, end), output);
    if (!isWhole) break;
    at = end + checksumBytes;
  }
  return output.result(false);
}

/** Sequences of literals and a match; the last one has no match. */
function block(bytes: Uint8Array, output: Output): boolean {
  let at = 0;
  while (at < bytes.length) {
    const token = bytes[at++] as number;
    let literals = token >>> 4;
    if (literals === LENGTH_GOES_ON) {
      const more = lengthBehind(bytes, at);
      if (more === undefined) return false;
      at += Math.floor(more / LENGTH_BYTE_MAX) + 1;
      literals += more;
    }
    if (!output.literal(bytes, at, literals)) return false;
    at += literals;
    if (at === bytes.length) return true;
    if (at + 2 > bytes.length) return false;
    const distance = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    at += 2;
    let length = token & 15;
    if (length === LENGTH_GOES_ON) {
      const more = lengthBehind(bytes, at);
      if (more === undefined) return false;
      at += Math.floor(more / LENGTH_BYTE_MAX) + 1;
      length += more;
    }
    if (!output.copy(distance, length + MATCH_MIN)) return false;
  }
  // a block ends with literals
  return false;
}

/** The rest of a length: bytes of 255 and one of less, added up. Undefined if they do not end. */
function lengthBehind(bytes: Uint8Array, start: number): number | undefined {
  let sum = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    sum += byte;
    if (byte < LENGTH_BYTE_MAX) return sum;
  }
  return undefined;
}
