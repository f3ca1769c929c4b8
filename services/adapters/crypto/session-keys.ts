// The gateway's Ed25519 keys: public ones to check session tokens with, and a private one to sign them.
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { SessionClaims } from "../../domain/trust/session-token.ts";
import type { SignatureCheck } from "../../domain/trust/sessions.ts";

const KEY_ID = /^[a-z0-9][a-z0-9-]{0,31}$/;
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;

/** From the text of a JSON object of public keys, 32 bytes in base64url, by key id. Undefined if it is not like that. */
export function parseSessionKeys(text: string): SignatureCheck | undefined {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== "object" || content === null || Array.isArray(content)) return undefined;
    const keys = new Map<string, KeyObject>();
    for (const [key_id, x] of Object.entries(content)) {
      if (!KEY_ID.test(key_id) || typeof x !== "string" || !PUBLIC_KEY.test(x)) return undefined;
      keys.set(key_id, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }));
    }
    return keys.size === 0 ? undefined : checkOf(keys);
  } catch {
    return undefined;
  }
}

const checkOf =
  (keys: ReadonlyMap<string, KeyObject>): SignatureCheck =>
  (key_id, signed, signature) => {
    const key = keys.get(key_id);
    if (key === undefined) return "unknown_key";
    return verify(null, Buffer.from(signed), key, signature) ? "valid" : "invalid";
  };

/** A token of these claims, under a private key and the id that its public one has in METERHOUSE_SESSION_KEYS_FILE. */
export function signSessionToken(claims: SessionClaims, key_id: string, key: KeyObject): string {
  const signed = `mhs1.${key_id}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}
