// CRC-32C (Castagnoli), which covers a record batch from its attributes on. Eight bytes at a time: a byte at a time would cost
// more than reading the events does.

const POLYNOMIAL = 0x82f63b78;
const TABLE_LENGTH = 256;
const STEP_BYTES = 8;

/** Table k at place b: the checksum of byte b with k zero bytes behind it. */
const TABLES = new Int32Array(STEP_BYTES * TABLE_LENGTH);
for (let byte = 0; byte < TABLE_LENGTH; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  TABLES[byte] = crc;
}
for (let at = TABLE_LENGTH; at < TABLES.length; at++) {
  const before = TABLES[at - TABLE_LENGTH] as number;
  TABLES[at] = (TABLES[before & 0xff] as number) ^ (before >>> 8);
}

const place = (table: number, byte: number): number => TABLES[table * TABLE_LENGTH + (byte & 0xff)] as number;

/** As a signed 32-bit integer, the way that record batches hold it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  let at = 0;
  for (const last = bytes.length - STEP_BYTES; at <= last; at += STEP_BYTES) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      place(7, crc) ^
      place(6, crc >>> 8) ^
      place(5, crc >>> 16) ^
      place(4, crc >>> 24) ^
      place(3, bytes[at + 4] as number) ^
      place(2, bytes[at + 5] as number) ^
      place(1, bytes[at + 6] as number) ^
      place(0, bytes[at + 7] as number);
  }
  for (; at < bytes.length; at++) crc = place(0, crc ^ (bytes[at] as number)) ^ (crc >>> 8);
  return ~crc;
}
