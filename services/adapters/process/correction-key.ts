import { optional, secretValue } from "../config/fields.ts";
import { CORRECTION_KEYS_EXPECTED, correctionMacs, parseCorrectionKeys } from "../crypto/correction-macs.ts";

/** What the pricing service makes MACs of corrections with, and the processor checks them. */
export const correctionMacsField = () =>
  optional(
    secretValue("METERHOUSE_CORRECTION_KEY", CORRECTION_KEYS_EXPECTED, (value) => {
      const keys = parseCorrectionKeys(value);
      return keys === undefined ? undefined : correctionMacs(keys);
    }),
  );
