import { createHash, createHmac, randomBytes, randomUUID } from "node:crypto";

/** SHA-256 of a text's UTF-8 bytes, in lower-case hexadecimal. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** A name that nothing else has: for attempts and for owners of a lease. */
export function newId(): string {
  return randomUUID();
}

/** So many bytes that nobody can guess, in lower-case hexadecimal. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** HMAC-SHA256 of a text's UTF-8 bytes, in base64. */
export function hmacSha256(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text, "utf8").digest("base64");
}
