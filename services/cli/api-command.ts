// What all commands of the API share.
import { type Command, command, Faults } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { JSON_OPTION, type Options, text, type Values } from "../adapters/command/options.ts";
import { type JsonFile, readJsonFile } from "../adapters/files/json-file.ts";
import type { PricingClient, PricingOperation } from "../client/client.ts";
import type { PricingOperations } from "../client/pricing-operations.ts";
import { API_FIELDS } from "./config.ts";

/** The API as commands see it. */
export interface Api {
  readonly ask: PricingClient;
  readonly download: <Name extends PricingOperation>(
    operation: Name,
    request: PricingOperations[Name]["request"],
  ) => AsyncIterable<Uint8Array>;
}

export interface Output {
  readonly text: string;
  readonly exitCode: number;
}

/** What a command line asks of the API. */
export type ApiAction = (api: Api) => Promise<Output>;

interface ApiCommandShape<O extends Options> {
  readonly name: string;
  readonly help: string;
  readonly argument?: { readonly name: string; readonly help: string };
  readonly options: O;
  readonly read: (values: Values<O>, argument: string) => ApiAction | Faults;
}

export function apiCommand<const O extends Options>(shape: ApiCommandShape<O>): Command<ApiAction> {
  return command({ ...shape, settings: API_FIELDS });
}

/** The reply as one line of JSON, or in words for a person. */
export function output<Reply>(
  reply: Reply,
  { json, words, isGood = true }: { json: boolean; words: (reply: Reply) => string; isGood?: boolean },
): Output {
  const text = json ? JSON.stringify(reply) : words(reply);
  return { text, exitCode: isGood ? EXIT.done : EXIT.failed };
}

/** Options that many commands share. The API validates hours. */
export const json = JSON_OPTION;
export const tenant = text("--tenant <id>", "only this tenant; all tenants by default");
export const from = text("--from <hour>", "start hour in UTC, inclusive, such as 2026-11-01T00:00Z");
export const to = text("--to <hour>", "end hour in UTC, exclusive");
export const reason = text("--reason <text>", "why; stored with the change");

/** A reason that is not blank, or the fault. */
export function reasonOf(given: string, what: string): string | Faults {
  const reason = given.trim();
  return reason === "" ? new Faults(`to void ${what}, say why with --reason`) : reason;
}

/** The JSON document in a file, or what is wrong with it. */
export function documentOf(file: string): Extract<JsonFile, { ok: true }> | Faults {
  const read = readJsonFile(file);
  return read.ok ? read : new Faults(`${file} ${read.problem}`);
}

type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** The fields that have a value. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<Fields>;
}
