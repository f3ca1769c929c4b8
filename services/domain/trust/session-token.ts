// What the gateway signs for a session: `mhs1.<key id>.<claims>.<signature>`. The claims are JSON and the signature is Ed25519 over
// all that stands before its point, both in base64url without padding.

export const SESSION_TOKEN_BYTES_MAX = 2048;
const FORM = /^(mhs1\.([a-z0-9][a-z0-9-]{0,31})\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{86})$/;

/** Whose session it is, and when. Moments in seconds since the Unix epoch; an event counts if it lies between them. */
export interface SessionClaims {
  readonly tenant_id: string;
  readonly project_id: string;
  /** Null: any model. */
  readonly model: string | null;
  /** What the session's id begins with, or all of it. */
  readonly session_prefix: string;
  readonly not_before_s: number;
  readonly expires_at_s: number;
}

export interface SessionToken {
  readonly key_id: string;
  readonly signed: string;
  readonly signature: Uint8Array;
  readonly claims: SessionClaims;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Undefined for what is no token; whether its signature is good is another matter. */
export function parseSessionToken(text: string): SessionToken | undefined {
  const [, signed, key_id, payload, signature] = FORM.exec(text) ?? [];
  if (signed === undefined || key_id === undefined || payload === undefined || signature === undefined)
    return undefined;
  try {
    const claims: unknown = JSON.parse(decoder.decode(bytesOf(payload)));
    return isClaims(claims) ? { key_id, signed, signature: bytesOf(signature), claims } : undefined;
  } catch {
    return undefined;
  }
}

const bytesOf = (base64url: string): Uint8Array =>
  Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (it) => it.charCodeAt(0));

function isClaims(value: unknown): value is SessionClaims {
  if (typeof value !== "object" || value === null) return false;
  const claims = value as Partial<Record<keyof SessionClaims, unknown>>;
  const { tenant_id, project_id, model, session_prefix, not_before_s, expires_at_s } = claims;
  return (
    [tenant_id, project_id, session_prefix].every((text) => typeof text === "string" && text !== "") &&
    (model === null || typeof model === "string") &&
    Number.isSafeInteger(not_before_s) &&
    Number.isSafeInteger(expires_at_s)
  );
}
