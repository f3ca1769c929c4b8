import { command, Faults } from "../adapters/command/command.ts";
import { choice, JSON_OPTION, required, text } from "../adapters/command/options.ts";
import { SCOPES, type Scope } from "../domain/access/caller.ts";
import { FIELDS, KEY_FIELDS } from "./config.ts";

/** What the command line asks the process to do. */
export type Invocation =
  | { readonly kind: "serve" }
  | {
      readonly kind: "create_key";
      readonly owner: { readonly scope: Scope; readonly tenant_id: string; readonly name: string };
      readonly json: boolean;
    };

const LENGTH_MAX = 128;

export const COMMANDS = [
  command({
    name: "pricing",
    help: "Serve the API of prices, charges, invoices and corrections.",
    isDefault: true,
    settings: FIELDS,
    options: {},
    read: (): Invocation => ({ kind: "serve" }),
  }),
  command({
    name: "key create",
    help: "Create an API key. It is shown once; only its hash is stored.",
    settings: KEY_FIELDS,
    options: {
      scope: required(choice("--scope <scope>", "what the key may do", SCOPES)),
      tenant: text("--tenant <id>", "the tenant of the key; only with --scope tenant"),
      name: required(text("--name <text>", "who the key is for, at most 128 characters")),
      json: JSON_OPTION,
    },
    read({ scope, tenant: tenant_id = "", name, json }): Invocation | Faults {
      const faults: string[] = [];
      if ((scope === "tenant") !== (tenant_id !== "")) {
        faults.push("--tenant names the tenant of a key with --scope tenant, and of no other");
      }
      if (name === "") faults.push("--name says who the key is for: it must not be empty");
      if (name.length > LENGTH_MAX || tenant_id.length > LENGTH_MAX) {
        faults.push(`--name and --tenant have at most ${LENGTH_MAX} characters`);
      }
      return faults.length > 0
        ? new Faults(...faults)
        : { kind: "create_key", owner: { scope, tenant_id, name }, json };
    },
  }),
];
