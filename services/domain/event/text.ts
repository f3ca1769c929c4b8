// The one rule of clean text, for whatever gets into bills, logs, addresses and CSV. Its twins are gpu-probe's labels.py and, made
// from the ranges here, the patterns of the API; schemas/clean-text.json has cases that all three are held to.

type Range = readonly [from: number, to: number];

/** What nobody sees or what turns the order of what one sees: with it two texts that look the same are two tenants. */
const UNSEEN: readonly Range[] = [
  // soft hyphen
  [0xad, 0xad],
  // Arabic letter mark
  [0x61c, 0x61c],
  [0x180e, 0x180e],
  // zero width space, joiners and marks of direction
  [0x200b, 0x200f],
  // line and paragraph separators, embeddings and overrides of direction
  [0x2028, 0x202e],
  // word joiner, invisible operators, isolates of direction, deprecated formats
  [0x2060, 0x206f],
  // byte order mark
  [0xfeff, 0xfeff],
  // interlinear annotation
  [0xfff9, 0xfffb],
  // tags
  [0xe0000, 0xe007f],
];

/** Code points of no clean text: controls, halves of a surrogate pair, and what is unseen. In ascending order. */
export const UNCLEAN: readonly Range[] = [[0, 0x1f], [0x7f, 0x9f], ...UNSEEN, [0xd800, 0xdfff]];

const POINT = 0x2e;

/** True if the range is UTF-8 (RFC 3629) without what is unclean, and neither `.` nor `..`, which no address can hold. */
export function isCleanText(bytes: Uint8Array, start: number, length: number): boolean {
  const end = start + length;
  if (bytes[start] === POINT && (length === 1 || (length === 2 && bytes[start + 1] === POINT))) return false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= 0x80) return isCleanUtf8(bytes, i, end);
    if (byte < 0x20 || byte === 0x7f) return false;
  }
  return true;
}

function isCleanUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end) {
    const byte = bytes[i] ?? 0;
    if (byte < 0x20 || byte === 0x7f) return false;
    const size = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (byte >= 0x80) {
      if (byte < 0xc2 || byte > 0xf4 || !isTail(bytes, i, size, end)) return false;
      if (isUnclean(codePoint(bytes, i, size))) return false;
    }
    i += size;
  }
  return true;
}

/** Of a character of 2 to 4 bytes. */
function codePoint(bytes: Uint8Array, at: number, size: number): number {
  let code = (bytes[at] ?? 0) & (0xff >> (size + 1));
  for (let i = at + 1; i < at + size; i++) code = (code << 6) | ((bytes[i] ?? 0) & 0x3f);
  return code;
}

const isUnclean = (code: number): boolean => UNCLEAN.some(([from, to]) => code >= from && code <= to);

function isTail(bytes: Uint8Array, at: number, size: number, end: number): boolean {
  if (at + size > end) return false;
  const lead = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  for (let i = at + 1; i < at + size; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return false;
  // overlong forms and beyond U+10FFFF; surrogates are unclean
  if (lead === 0xe0 && second < 0xa0) return false;
  if (lead === 0xf0 && second < 0x90) return false;
  return !(lead === 0xf4 && second > 0x8f);
}
