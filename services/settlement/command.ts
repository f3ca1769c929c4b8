import { parseArgs } from "node:util";
import { formatHour, HOUR_MAX, type Hour, parseHour } from "../domain/time/hour.ts";
import type { PassRequest } from "./pipeline.ts";

/** What the process is asked to do. */
export type Command =
  | { readonly kind: "serve" }
  | { readonly kind: "close"; readonly request: PassRequest; readonly json: boolean }
  | { readonly kind: "bill"; readonly from: Hour; readonly to: Hour; readonly json: boolean }
  | { readonly kind: "verify"; readonly hour: Hour; readonly revision: number; readonly json: boolean }
  | { readonly kind: "fault"; readonly problem: string };

const OPTIONS = {
  through: { type: "string" },
  hour: { type: "string" },
  reason: { type: "string" },
  revision: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  json: { type: "boolean", default: false },
  // Read by the configuration.
  config: { type: "string" },
  "check-config": { type: "boolean" },
} as const;

/** Reads the command line. Hours are written as 2026-01-31T10:00Z. */
export function readCommand(argv: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const hours = { through: values.through, hour: values.hour, from: values.from, to: values.to };
    for (const [name, text] of Object.entries(hours)) {
      if (text !== undefined && parseHour(text) === null) {
        return fault(`--${name} ${text} is no hour; write it as ${formatHour(1_769_853_600)}`);
      }
    }
    const hour = (name: keyof typeof hours) => parseHour(hours[name] ?? "");
    const { json, reason } = values;
    switch (positionals.join(" ")) {
      case "":
        return { kind: "serve" };
      case "close":
        return closeCommand(hour("through"), hour("hour"), reason, json);
      case "bill":
        return { kind: "bill", from: hour("from") ?? 0, to: hour("to") ?? HOUR_MAX, json };
      case "verify": {
        const verified = hour("hour");
        const revision = Number(values.revision ?? 0);
        if (verified === null) return fault("verify needs --hour");
        if (!Number.isSafeInteger(revision) || revision < 0)
          return fault("--revision must be a whole number");
        return { kind: "verify", hour: verified, revision, json };
      }
      default:
        return fault(`there is no command "${positionals.join(" ")}"; there are close, bill and verify`);
    }
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}

function closeCommand(
  through: Hour | null,
  again: Hour | null,
  reason: string | undefined,
  json: boolean,
): Command {
  if (through === null && again === null) return fault("close needs --through or --hour");
  if (again !== null && (reason ?? "").trim() === "") {
    return fault("to close an hour anew, say why with --reason");
  }
  const request: PassRequest = {
    // An hour that is closed anew takes no other hours along.
    through: through ?? 0,
    ...(again === null ? {} : { again }),
    ...(reason === undefined ? {} : { reason }),
  };
  return { kind: "close", request, json };
}

function fault(problem: string): Command {
  return { kind: "fault", problem };
}
