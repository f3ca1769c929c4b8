// Whether a session's token allows an event. Signatures take long, and the events of a session carry one token: so what was found of
// a token is remembered, in a table that has a bound.

import type { Fault } from "../event/codes.ts";
import { OPERATOR_PHASE_NUMBERS } from "../event/phases.ts";
import { type EventRecord, NUMBERS, TEXTS, type TextField } from "../event/record.ts";
import { parseSessionToken, SESSION_TOKEN_BYTES_MAX, type SessionClaims } from "./session-token.ts";

export type SignatureVerdict = "valid" | "invalid" | "unknown_key";
export type SignatureCheck = (key_id: string, signed: string, signature: Uint8Array) => SignatureVerdict;

export interface SessionSettings {
  /** Whether an event without a token is refused, but for the operator's own; one with a token is checked in any case. */
  readonly required: boolean;
  readonly check: SignatureCheck;
}

/** A token whose signature is good. */
interface Grant {
  readonly claims: SessionClaims;
  /** Claims as bytes, to be compared with an event's. */
  readonly tenant_id: Uint8Array;
  readonly project_id: Uint8Array;
  readonly model: Uint8Array | null;
  readonly session_prefix: Uint8Array;
}
type Finding = Grant | Fault;

/** Tokens remembered are at most twice as many: 16 MiB of the longest ones. */
const GENERATION = 4096;
const SECOND_US = 1_000_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Sessions {
  private readonly settings: SessionSettings;
  private young = new Map<string, Finding>();
  private old = new Map<string, Finding>();

  constructor(settings: SessionSettings) {
    this.settings = settings;
  }

  /** @param length of the token in the event's bytes, -1 for none */
  fault(event: EventRecord, start: number, length: number): Fault | undefined {
    if (length < 0) {
      return this.isNeeded(event) ? { code: "EVENT_TOKEN_MISSING", detail: "no session_token" } : undefined;
    }
    if (length > SESSION_TOKEN_BYTES_MAX) {
      return { code: "EVENT_TOKEN_INVALID", detail: `session_token has ${length} bytes` };
    }
    const finding = this.finding(decoder.decode(event.bytes.subarray(start, start + length)));
    return "code" in finding ? finding : grantFault(event, finding);
  }

  private isNeeded({ numbers }: EventRecord): boolean {
    return this.settings.required && !OPERATOR_PHASE_NUMBERS.has(numbers[NUMBERS.phase] as number);
  }

  private finding(token: string): Finding {
    const known = this.young.get(token) ?? this.old.get(token);
    const finding = known ?? this.judge(token);
    if (known === undefined || !this.young.has(token)) this.remember(token, finding);
    return finding;
  }

  private remember(token: string, finding: Finding): void {
    if (this.young.size === GENERATION) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(token, finding);
  }

  private judge(text: string): Finding {
    const token = parseSessionToken(text);
    if (token === undefined) return { code: "EVENT_TOKEN_INVALID", detail: "it is no session token" };
    const { key_id, signed, signature, claims } = token;
    switch (this.settings.check(key_id, signed, signature)) {
      case "unknown_key":
        return { code: "EVENT_TOKEN_KEY_UNKNOWN", detail: `key id ${key_id}` };
      case "invalid":
        return { code: "EVENT_TOKEN_INVALID", detail: `not signed by the key ${key_id}` };
      case "valid":
        return {
          claims,
          tenant_id: encoder.encode(claims.tenant_id),
          project_id: encoder.encode(claims.project_id),
          model: claims.model === null ? null : encoder.encode(claims.model),
          session_prefix: encoder.encode(claims.session_prefix),
        };
    }
  }
}

function grantFault(event: EventRecord, grant: Grant): Fault | undefined {
  const { not_before_s, expires_at_s } = grant.claims;
  const startedAt = event.numbers[NUMBERS.started_at] as number;
  const endedAt = event.numbers[NUMBERS.ended_at] as number;
  if (startedAt < not_before_s * SECOND_US || endedAt > expires_at_s * SECOND_US) {
    const detail = `it is good from ${not_before_s} to ${expires_at_s}, the event from ${startedAt} to ${endedAt} µs`;
    return { code: "EVENT_TOKEN_EXPIRED", detail };
  }
  for (const field of ["tenant_id", "project_id", "model"] as const) {
    const claim = grant[field];
    if (claim !== null && event.lengths[TEXTS[field]] !== claim.length) return mismatch(field);
    if (claim !== null && !beginsWith(event, field, claim)) return mismatch(field);
  }
  return beginsWith(event, "session_id", grant.session_prefix) ? undefined : mismatch("session_id");
}

const mismatch = (field: TextField): Fault => ({
  code: "EVENT_TOKEN_MISMATCH",
  detail: `the token is of another ${field}`,
});

function beginsWith({ bytes, starts, lengths }: EventRecord, field: TextField, prefix: Uint8Array): boolean {
  const start = starts[TEXTS[field]] as number;
  return (
    (lengths[TEXTS[field]] as number) >= prefix.length && prefix.every((byte, i) => byte === bytes[start + i])
  );
}
