// What the pricing service vouches for when it takes an event out or puts another in its place, and how it is told from what
// others write to the topic.

import type { Fault } from "../event/codes.ts";
import type { EventVoid } from "../event/reader.ts";

/** Key id, a point, HMAC-SHA-256 in base64url, over what is handed in. */
export type MacOf = (content: Uint8Array) => string;

export type MacVerdict = "valid" | "invalid" | "unknown_key";

/** What the processor knows of corrections. */
export interface CorrectionTrust {
  /** Null where no key is configured, so that nothing can be told. */
  readonly check: ((mac: string, content: Uint8Array) => MacVerdict) | null;
  /** Whether a void without a MAC that can be checked still takes its event out. */
  readonly unsigned_voids: boolean;
}

const encoder = new TextEncoder();
/** Apart from one another, so that the MAC of the one is none of the other. */
const SUCCESSOR = encoder.encode("meterhouse-successor/1\n");
const VOID = "meterhouse-void/1";

/** What the MAC of a void covers: all that it says, whatever version of the schema it is written in. */
export function voidContent(order: Omit<EventVoid, "correction_mac">): Uint8Array {
  const { event_id, tenant_id, reason, issued_by, issued_at } = order;
  const id = [...event_id].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return encoder.encode(JSON.stringify([VOID, id, tenant_id, reason, issued_by, issued_at]));
}

/** What the MAC of a successor covers: the Avro body before its proofs, `start` to `end` of `bytes`. */
export function successorContent(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const content = new Uint8Array(SUCCESSOR.length + end - start);
  content.set(SUCCESSOR);
  content.set(bytes.subarray(start, end), SUCCESSOR.length);
  return content;
}

export function voidTrustFault(
  order: EventVoid,
  { check, unsigned_voids }: CorrectionTrust,
): Fault | undefined {
  const { correction_mac, tenant_id } = order;
  if (correction_mac === null || check === null) {
    return unsigned_voids ? undefined : { code: "CORRECTION_MAC_MISSING", detail: missing(correction_mac) };
  }
  if (tenant_id === null) return { code: "CORRECTION_MAC_INVALID", detail: "the void names no tenant" };
  return macFault(correction_mac, check(correction_mac, voidContent(order)));
}

const missing = (mac: string | null): string =>
  mac === null ? "the void has no MAC" : "no key is configured to check the void's MAC with";

/** @param mac of a record that has one; the verdict is about that record's own contents */
export function macFault(mac: string, verdict: MacVerdict): Fault | undefined {
  switch (verdict) {
    case "valid":
      return undefined;
    case "invalid":
      return { code: "CORRECTION_MAC_INVALID", detail: "the MAC is not of these contents" };
    case "unknown_key":
      return { code: "CORRECTION_KEY_UNKNOWN", detail: `key id ${keyIdOf(mac)}` };
  }
}

const KEY_ID_SHOWN = 32;
/** The key id before the point, cut: it is what somebody wrote. */
const keyIdOf = (mac: string): string => JSON.stringify(mac.split(".", 1)[0]?.slice(0, KEY_ID_SHOWN) ?? "");
