// MACs of corrections: HMAC-SHA-256 under keys that only the pricing service and the processors have.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { MacOf, MacVerdict } from "../../domain/trust/corrections.ts";

export interface CorrectionKey {
  readonly key_id: string;
  readonly key: Uint8Array;
}

/** The first key makes MACs, every key is believed: so another one can come into force before the old one goes. */
export interface CorrectionMacs {
  readonly macOf: MacOf;
  check(mac: string, content: Uint8Array): MacVerdict;
}

export function correctionMacs(keys: readonly [CorrectionKey, ...CorrectionKey[]]): CorrectionMacs {
  const byId = new Map(keys.map(({ key_id, key }) => [key_id, key]));
  const digest = (key: Uint8Array, content: Uint8Array) => createHmac("sha256", key).update(content).digest();
  return {
    macOf: (content) => `${keys[0].key_id}.${digest(keys[0].key, content).toString("base64url")}`,
    check(mac, content) {
      const point = mac.indexOf(".");
      const key = byId.get(mac.slice(0, Math.max(0, point)));
      if (key === undefined) return "unknown_key";
      const given = Buffer.from(mac.slice(point + 1));
      const right = Buffer.from(digest(key, content).toString("base64url"));
      return given.length === right.length && timingSafeEqual(given, right) ? "valid" : "invalid";
    },
  };
}

const KEY_BYTES_MIN = 32;
const KEY = /^([a-z0-9][a-z0-9-]{0,31}):([A-Za-z0-9+/]+={0,2})$/;
export const CORRECTION_KEYS_EXPECTED =
  "key id, a colon and at least 32 bytes in base64, such as 2026-11:…; two of them, separated by a comma, while one replaces the other";

/** Keys as they are configured; undefined if the text is not like that. What it was is not said: it is secret. */
export function parseCorrectionKeys(text: string): readonly [CorrectionKey, ...CorrectionKey[]] | undefined {
  const keys: CorrectionKey[] = [];
  for (const part of text.split(",")) {
    const match = KEY.exec(part.trim());
    const key = Buffer.from(match?.[2] ?? "", "base64");
    const key_id = match?.[1] ?? "";
    if (key.length < KEY_BYTES_MIN || keys.some((other) => other.key_id === key_id)) return undefined;
    keys.push({ key_id, key });
  }
  const [first, ...others] = keys;
  return first === undefined ? undefined : [first, ...others];
}
