import { command, Faults } from "../adapters/command/command.ts";
import {
  choice,
  flag,
  JSON_OPTION,
  otherwise,
  read,
  required,
  text,
  whole,
} from "../adapters/command/options.ts";
import { AUDIT_DEPTHS, type AuditRequest } from "../billing/verification/audit-hours.ts";
import { formatHour, type Hour, parseHour } from "../domain/time/hour.ts";
import { FIELDS } from "./config.ts";
import type { PassRequest } from "./pass.ts";

/** A command line of settlement, read and checked. */
export type SettlementCommand =
  | { readonly kind: "serve" }
  | { readonly kind: "close"; readonly request: PassRequest; readonly json: boolean }
  | { readonly kind: "verify"; readonly hour: Hour; readonly revision: number; readonly json: boolean }
  | AuditCommand;

export interface AuditCommand {
  readonly kind: "audit";
  readonly request: AuditRequest;
  /** Path of a public key in PEM that closes have to be signed with. */
  readonly key?: string;
  readonly json: boolean;
}

const REVISION_MAX = 1_000_000_000;

const hour = (flags: string, help: string) =>
  read(
    flags,
    `${help}, such as 2026-01-31T10:00Z`,
    parseHour,
    `is no hour; write it as ${formatHour(1_769_853_600)}`,
  );

const KEY_OPTION = text("--key <file>", "the public key, in PEM, that closes have to be signed with");

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
    help:
      "Add a closed hour up again from its events, compare, and name what differs; or walk the chain of closes. " +
      "Ends with 1 if anything does.",
    settings: FIELDS,
    options: {
      hour: hour("--hour <hour>", "the closed hour"),
      revision: otherwise(
        whole("--revision <n>", "its revision, 0 for the newest", { min: 0, max: REVISION_MAX }),
        0,
      ),
      deep: flag("--deep", "compare every column of every record and every stored figure of the hour"),
      chain: flag("--chain", "walk all links of the chain, and their signatures"),
      key: KEY_OPTION,
      json: JSON_OPTION,
    },
    read({ hour: verified, revision, deep, chain, key, json }): SettlementCommand | Faults {
      if (chain) return audit({ from: 0, to: 0, depth: "chain" }, key, json);
      if (verified === undefined) return new Faults("verify needs --hour or --chain");
      if (deep && revision !== 0)
        return new Faults("--deep looks at the newest revision: leave --revision out");
      if (deep) return audit({ from: verified, to: verified, depth: "records" }, key, json);
      return { kind: "verify", hour: verified, revision, json };
    },
  }),
  command({
    name: "audit",
    help:
      "Check closed hours against all that they were made of: chain, signatures, tiling, double entry, conservation, charges and " +
      "every stored hash. Names the first bad hour and what is wrong, and ends with 1 if anything is.",
    settings: FIELDS,
    options: {
      hours: required(
        read(
          "--hours <first..last>",
          "the hours, both included, such as 2026-01-01T00:00Z..2026-01-31T23:00Z",
          parseRange,
          "is no range of hours; write it as 2026-01-01T00:00Z..2026-01-31T23:00Z",
        ),
      ),
      depth: otherwise(choice("--depth <depth>", "how far down", AUDIT_DEPTHS), "records"),
      key: KEY_OPTION,
      json: JSON_OPTION,
    },
    read: ({ hours, depth, key, json }): SettlementCommand => audit({ ...hours, depth }, key, json),
  }),
];

function audit(request: AuditRequest, key: string | undefined, json: boolean): AuditCommand {
  return { kind: "audit", request, ...(key === undefined ? {} : { key }), json };
}

function parseRange(written: string): Pick<AuditRequest, "from" | "to"> | null {
  const [from, to, ...more] = written.split("..").map(parseHour);
  if (from === undefined || from === null || to === undefined || to === null) return null;
  return more.length === 0 && from <= to ? { from, to } : null;
}
