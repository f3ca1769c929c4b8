// Whose word is taken for what: events, successors of amended events, and voids.

import type { Fault } from "../event/codes.ts";
import { type EventRecord, PROOFS } from "../event/record.ts";
import { type CorrectionTrust, macFault, successorContent } from "./corrections.ts";

export interface Trust {
  readonly corrections: CorrectionTrust;
}

/** Whoever may write to the topic is believed. */
export const TRUST_EVERYONE: Trust = { corrections: { check: null, unsigned_voids: true } };

export function eventTrustFault(event: EventRecord, { corrections }: Trust): Fault | undefined {
  if ((event.proofLengths[PROOFS.correction_mac] as number) >= 0 && corrections.check !== null) {
    const mac = proofOf(event, PROOFS.correction_mac);
    const content = successorContent(event.bytes, event.bodyStart, event.contentEnd);
    return macFault(mac, corrections.check(mac, content));
  }
  return undefined;
}

const decoder = new TextDecoder();

const proofOf = ({ bytes, proofStarts, proofLengths }: EventRecord, proof: number): string => {
  const start = proofStarts[proof] as number;
  return decoder.decode(bytes.subarray(start, start + (proofLengths[proof] as number)));
};
