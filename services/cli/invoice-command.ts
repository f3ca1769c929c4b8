import { parseArgs } from "node:util";

const FORMATS = ["csv", "html"] as const;

interface Asked {
  readonly json: boolean;
}
interface PeriodAsked extends Asked {
  readonly period_from: string;
  readonly period_to?: string;
}

/** What a command line asks about invoices. */
export type InvoiceCommand =
  | ({ readonly kind: "draft"; readonly tenant_id: string } & PeriodAsked)
  | ({ readonly kind: "finalise"; readonly tenant_id?: string } & PeriodAsked)
  | ({ readonly kind: "list"; readonly tenant_id?: string } & Asked)
  | ({ readonly kind: "show"; readonly id: string; readonly format?: (typeof FORMATS)[number] } & Asked)
  | ({ readonly kind: "void"; readonly id: string; readonly reason: string } & Asked)
  | { readonly kind: "fault"; readonly problem: string };

const OPTIONS = {
  tenant: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  format: { type: "string" },
  reason: { type: "string" },
  json: { type: "boolean", default: false },
  // Read by the configuration.
  config: { type: "string" },
  "check-config": { type: "boolean" },
} as const;

/** `argv` without the word "invoice". */
export function readInvoiceCommand(argv: readonly string[]): InvoiceCommand {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [kind = "", id, ...more] = positionals;
    const { tenant: tenant_id, json } = values;
    if (more.length > 0) return fault(`invoice ${kind} takes one id`);
    const tenant = tenant_id === undefined ? {} : { tenant_id };
    if (kind === "list" && id === undefined) return { kind, json, ...tenant };
    if (kind === "show" || kind === "void") return withId(kind, id, values);
    if (kind !== "draft" && kind !== "finalise") return fault(`there is no command "invoice ${kind}"`);
    const { from: period_from, to } = values;
    if (id !== undefined || period_from === undefined) {
      return fault(`invoice ${kind} needs --from, the first hour of the period, such as 2026-11-01T00:00Z`);
    }
    const period = { period_from, json, ...(to === undefined ? {} : { period_to: to }) };
    if (kind === "finalise") return { kind, ...period, ...tenant };
    return tenant_id === undefined ? fault("a draft needs --tenant") : { kind, tenant_id, ...period };
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}

function withId(
  kind: "show" | "void",
  id: string | undefined,
  { format: named, reason = "", json }: { format?: string; reason?: string; json: boolean },
): InvoiceCommand {
  if (id === undefined) return fault(`invoice ${kind} needs the id of an invoice`);
  if (kind === "void") {
    if (reason.trim() === "") return fault("to void an invoice, say why with --reason");
    return { kind, id, reason: reason.trim(), json };
  }
  const format = FORMATS.find((known) => known === named);
  if (named !== undefined && format === undefined) return fault(`--format must be ${FORMATS.join(" or ")}`);
  return { kind, id, json, ...(format === undefined ? {} : { format }) };
}

function fault(problem: string): InvoiceCommand {
  return { kind: "fault", problem };
}
