// Whose word this processor takes, by its settings.
import type { Config } from "../adapters/config/config.ts";
import { Sessions } from "../domain/trust/sessions.ts";
import type { Trust } from "../domain/trust/trust.ts";
import type { FIELDS } from "./config.ts";

type Settings = Pick<
  Config<typeof FIELDS>,
  "correction_macs" | "unsigned_voids" | "session_check" | "require_signed_sessions"
>;

/** What no process may start with; undefined if there is nothing. */
export function trustConflict({ session_check, require_signed_sessions }: Settings): string | undefined {
  return require_signed_sessions && session_check === undefined
    ? "METERHOUSE_REQUIRE_SIGNED_SESSIONS needs METERHOUSE_SESSION_KEYS_FILE, or every event would be rejected"
    : undefined;
}

export function trustOf(settings: Settings): Trust {
  const { correction_macs, unsigned_voids, session_check, require_signed_sessions: required } = settings;
  return {
    corrections: {
      check: correction_macs?.check ?? null,
      unsigned_voids: unsigned_voids ?? correction_macs === undefined,
    },
    sessions: session_check === undefined ? null : new Sessions({ required, check: session_check }),
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
