// Keys that the processors and the pricing service of the tests have in common.
import { generateKeyPairSync } from "node:crypto";
import { correctionMacs, parseCorrectionKeys } from "../../../services/adapters/crypto/correction-macs.ts";
import { parseSessionKeys, signSessionToken } from "../../../services/adapters/crypto/session-keys.ts";
import type { SessionClaims } from "../../../services/domain/trust/session-token.ts";
import { Sessions } from "../../../services/domain/trust/sessions.ts";
import type { Trust } from "../../../services/domain/trust/trust.ts";

export const CORRECTION_KEY = `test-1:${Buffer.alloc(32, "of the tests").toString("base64")}`;
export const OTHER_CORRECTION_KEY = `test-2:${Buffer.alloc(32, "of others").toString("base64")}`;

export function macsOf(setting: string) {
  const keys = parseCorrectionKeys(setting);
  if (keys === undefined) throw new Error("these are no correction keys");
  return correctionMacs(keys);
}

export const CORRECTION_MACS = macsOf(CORRECTION_KEY);

/** Of a processor with this setting. */
export const trustIn = (setting: string): Trust => ({
  corrections: { check: macsOf(setting).check, unsigned_voids: false },
  sessions: null,
});
export const TEST_TRUST: Trust = trustIn(CORRECTION_KEY);

const pair = generateKeyPairSync("ed25519");
export const GATEWAY_KEY_ID = "gateway-1";
const GATEWAY_KEY = pair.privateKey;
/** What METERHOUSE_SESSION_KEYS_FILE holds. */
export const SESSION_KEYS = JSON.stringify({ [GATEWAY_KEY_ID]: pair.publicKey.export({ format: "jwk" }).x });

/** Of the events of `makeEvent`, at any time. */
const CLAIMS: SessionClaims = {
  tenant_id: "tenant-01",
  project_id: "project-1",
  model: null,
  session_prefix: "session-",
  not_before_s: 0,
  expires_at_s: 4_000_000_000,
};
export const tokenOf = (claims: Partial<SessionClaims> = {}, key_id = GATEWAY_KEY_ID, key = GATEWAY_KEY) =>
  signSessionToken({ ...CLAIMS, ...claims }, key_id, key);

/** Of a processor that has the gateway's key. */
export function sessionTrust(required: boolean): Trust {
  const check = parseSessionKeys(SESSION_KEYS);
  if (check === undefined) throw new Error("these are no session keys");
  return { ...TEST_TRUST, sessions: new Sessions({ required, check }) };
}
