// Snappy (format_description.txt), raw as librdkafka writes it, or in the frames of snappy-java, which Java's producer uses.
import { type Decoded, Output } from "./output.ts";

const FRAME_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0);
/** Magic and two version numbers. */
const FRAME_HEADER_BYTES = 16;
const EXPECTED_RATIO = 4;
/** Lengths of literals from here on stand in the bytes behind the tag. */
const LITERAL_IN_TAG_MAX = 60;

/** At most `bytesMax` bytes. */
export function snappy(bytes: Uint8Array, bytesMax: number): Decoded {
  const output = new Output(bytes.length * EXPECTED_RATIO, bytesMax);
  if (!FRAME_MAGIC.every((byte, i) => bytes[i] === byte)) return output.result(raw(bytes, output));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = FRAME_HEADER_BYTES;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length || !raw(bytes.subarray(at + 4, end), output)) return output.result(false);
    at = end;
  }
  return output.result(at === bytes.length);
}

/** The length of what comes out, then literals and copies. */
function raw(bytes: Uint8Array, output: Output): boolean {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length || shift > 28) return false;
    const byte = bytes[at++] as number;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const end = output.length + length;
  while (at < bytes.length) {
    const tag = bytes[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      const inTag = tag >>> 2;
      const extra = Math.max(0, inTag - LITERAL_IN_TAG_MAX + 1);
      const literals = (extra === 0 ? inTag : littleEndian(bytes, at, extra)) + 1;
      at += extra;
      if (!output.literal(bytes, at, literals)) return false;
      at += literals;
    } else {
      const distanceBytes = kind === 3 ? 4 : kind;
      let distance = littleEndian(bytes, at, distanceBytes);
      if (kind === 1) distance += (tag >>> 5) * 256;
      at += distanceBytes;
      if (!output.copy(distance, kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1)) return false;
    }
    if (output.length > end) return false;
  }
  return output.length === end;
}

/** Bytes past the end count as 0; the caller sees that it has come too far. */
function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
