// UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, 4 bits version, 12 + 62 bits that are a hash here.

import { HOUR_MS, type HourIndex } from "../time/hour.ts";
export const ID_BYTES = 16;

export function isUuidV7(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at + 6] ?? 0) & 0xf0) === 0x70 && ((bytes[at + 8] ?? 0) & 0xc0) === 0x80;
}

/** Milliseconds since the Unix epoch that the id carries, 0 to 2^48 - 1. */
export function idTimeMs(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const low =
    (((bytes[at + 2] ?? 0) << 24) |
      ((bytes[at + 3] ?? 0) << 16) |
      ((bytes[at + 4] ?? 0) << 8) |
      (bytes[at + 5] ?? 0)) >>>
    0;
  return high * 0x1_0000_0000 + low;
}

/** The id's hour, counted in hours since the Unix epoch: which table of the dedupe memory it belongs to. */
export const idHour = (bytes: Uint8Array, at: number): HourIndex => Math.floor(idTimeMs(bytes, at) / HOUR_MS);

export function sameBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
