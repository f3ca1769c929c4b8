/** True if the range is UTF-8 (RFC 3629) without control characters. Hostile bytes must not reach bills, logs or CSV. */
export function isCleanText(bytes: Uint8Array, start: number, length: number): boolean {
  const end = start + length;
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
    if (byte >= 0x80 && (byte < 0xc2 || byte > 0xf4 || !isTail(bytes, i, size, end))) return false;
    i += size;
  }
  return true;
}

function isTail(bytes: Uint8Array, at: number, size: number, end: number): boolean {
  if (at + size > end) return false;
  const lead = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  for (let i = at + 1; i < at + size; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return false;
  // overlong forms, surrogates, beyond U+10FFFF, and C1 control characters
  if (lead === 0xe0 && second < 0xa0) return false;
  if (lead === 0xed && second > 0x9f) return false;
  if (lead === 0xf0 && second < 0x90) return false;
  if (lead === 0xf4 && second > 0x8f) return false;
  return !(lead === 0xc2 && second < 0xa0);
}
