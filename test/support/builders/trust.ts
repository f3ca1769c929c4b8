// Keys that the processors and the pricing service of the tests have in common.
import { correctionMacs, parseCorrectionKeys } from "../../../services/adapters/crypto/correction-macs.ts";
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
});
export const TEST_TRUST: Trust = trustIn(CORRECTION_KEY);
