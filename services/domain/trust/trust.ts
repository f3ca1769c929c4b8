// Whose word is taken for what: events, successors of amended events, and voids.

import type { Fault } from "../event/codes.ts";
import { type EventRecord, PROOFS } from "../event/record.ts";
import { type CorrectionTrust, macFault, successorContent } from "./corrections.ts";
import type { Sessions } from "./sessions.ts";

export interface Trust {
  readonly corrections: CorrectionTrust;
  /** Null where no key of the gateway is known: tokens are then not looked at. */
  readonly sessions: Sessions | null;
}

/** Whoever may write to the topic is believed. */
export const TRUST_EVERYONE: Trust = { corrections: { check: null, unsigned_voids: true }, sessions: null };

export function eventTrustFault(event: EventRecord, { corrections, sessions }: Trust): Fault | undefined {
  if ((event.proofLengths[PROOFS.correction_mac] as number) >= 0 && corrections.check !== null) {
    const mac = proofOf(event, PROOFS.correction_mac);
    const content = successorContent(event.bytes, event.bodyStart, event.contentEnd);
    return macFault(mac, corrections.check(mac, content));
  }
  if (sessions === null) return undefined;
  const { session_token } = PROOFS;
  return sessions.fault(
    event,
    event.proofStarts[session_token] as number,
    event.proofLengths[session_token] as number,
  );
}

const decoder = new TextDecoder();

const proofOf = ({ bytes, proofStarts, proofLengths }: EventRecord, proof: number): string => {
  const start = proofStarts[proof] as number;
  return decoder.decode(bytes.subarray(start, start + (proofLengths[proof] as number)));
};
