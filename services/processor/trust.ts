// Whose word this processor takes, by its settings.
import type { Config } from "../adapters/config/config.ts";
import type { Trust } from "../domain/trust/trust.ts";
import type { FIELDS } from "./config.ts";

type Settings = Pick<Config<typeof FIELDS>, "correction_macs" | "unsigned_voids">;

export function trustOf({ correction_macs, unsigned_voids }: Settings): Trust {
  return {
    corrections: {
      check: correction_macs?.check ?? null,
      unsigned_voids: unsigned_voids ?? correction_macs === undefined,
    },
  };
}

/** What an operator should know of it when the process starts. */
export function trustWarnings({ corrections }: Trust): string[] {
  return corrections.unsigned_voids
    ? [
        "voids are not checked: whoever may write to the topic can take any event out; set METERHOUSE_CORRECTION_KEY",
      ]
    : [];
}
