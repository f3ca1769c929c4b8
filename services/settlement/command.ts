import { command, Faults } from "../adapters/command/command.ts";
import { JSON_OPTION, otherwise, read, required, text, whole } from "../adapters/command/options.ts";
import { formatHour, type Hour, parseHour } from "../domain/time/hour.ts";
import { FIELDS } from "./config.ts";
import type { PassRequest } from "./pass.ts";

/** A command line of settlement, read and checked. */
export type SettlementCommand =
  | { readonly kind: "serve" }
  | { readonly kind: "close"; readonly request: PassRequest; readonly json: boolean }
  | { readonly kind: "verify"; readonly hour: Hour; readonly revision: number; readonly json: boolean };

const REVISION_MAX = 1_000_000_000;

const hour = (flags: string, help: string) =>
  read(
    flags,
    `${help}, such as 2026-01-31T10:00Z`,
    parseHour,
    `is no hour; write it as ${formatHour(1_769_853_600)}`,
  );

export const COMMANDS = [
  command({
    name: "settlement",
    help: "Close hours as they become due, audit them and rate them.",
    isDefault: true,
    settings: FIELDS,
    options: {},
    read: (): SettlementCommand => ({ kind: "serve" }),
  }),
  command({
    name: "close",
    help: "Close every hour up to one now, or one closed hour anew. Ends with 1 if an hour still waits for records.",
    settings: FIELDS,
    options: {
      through: hour("--through <hour>", "close every hour that is due up to this one"),
      hour: hour("--hour <hour>", "close this closed hour anew"),
      reason: text("--reason <text>", "why, as it is written into the revisions; needed with --hour"),
      json: JSON_OPTION,
    },
    read({ through, hour: reviseHour, reason, json }): SettlementCommand | Faults {
      const faults: string[] = [];
      if (through === undefined && reviseHour === undefined) faults.push("close needs --through or --hour");
      if (reviseHour !== undefined && (reason ?? "").trim() === "") {
        faults.push("to close an hour anew, say why with --reason");
      }
      if (faults.length > 0) return new Faults(...faults);
      const request: PassRequest = {
        // An hour that is closed anew takes no other hours along.
        through: through ?? 0,
        ...(reviseHour === undefined ? {} : { reviseHour }),
        ...(reason === undefined ? {} : { reason }),
      };
      return { kind: "close", request, json };
    },
  }),
  command({
    name: "verify",
    help: "Add a closed hour up again from its events, compare, and name what differs. Ends with 1 if anything does.",
    settings: FIELDS,
    options: {
      hour: required(hour("--hour <hour>", "the closed hour")),
      revision: otherwise(
        whole("--revision <n>", "its revision, 0 for the newest", { min: 0, max: REVISION_MAX }),
        0,
      ),
      json: JSON_OPTION,
    },
    read: ({ hour: verified, revision, json }): SettlementCommand => ({
      kind: "verify",
      hour: verified,
      revision,
      json,
    }),
  }),
];
