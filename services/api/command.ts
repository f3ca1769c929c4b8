import { parseArgs } from "node:util";
import { SCOPES, type Scope } from "../domain/access/caller.ts";

/** What the process is asked to do. */
export type Command =
  | { readonly kind: "serve" }
  | { readonly kind: "jobs" }
  | {
      readonly kind: "create_key";
      readonly owner: { readonly scope: Scope; readonly tenant_id: string; readonly name: string };
      readonly json: boolean;
    }
  | { readonly kind: "fault"; readonly problem: string };

const OPTIONS = {
  scope: { type: "string" },
  tenant: { type: "string" },
  name: { type: "string" },
  json: { type: "boolean", default: false },
  // Read by the configuration.
  config: { type: "string" },
  "check-config": { type: "boolean" },
} as const;
const LENGTH_MAX = 128;

export function readCommand(argv: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const asked = positionals.join(" ");
    if (asked === "") return { kind: "serve" };
    if (asked === "jobs") return { kind: "jobs" };
    if (asked !== "key create") return fault(`there is no command "${asked}"; there is "key create"`);
    const { tenant = "", name = "", json } = values;
    const scope = SCOPES.find((known) => known === values.scope);
    if (scope === undefined) return fault(`--scope must be ${SCOPES.join(", ")}`);
    if ((scope === "tenant") !== (tenant !== "")) {
      return fault("--tenant names the tenant of a key with --scope tenant, and of no other");
    }
    if (name === "" || name.length > LENGTH_MAX || tenant.length > LENGTH_MAX) {
      return fault(`--name says who the key is for; names have at most ${LENGTH_MAX} characters`);
    }
    return { kind: "create_key", owner: { scope, tenant_id: tenant, name }, json };
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}

function fault(problem: string): Command {
  return { kind: "fault", problem };
}
