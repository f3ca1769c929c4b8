// Writes docs/SETTINGS.md from the fields of every process. Run by `npm run settings`.
import { writeFileSync } from "node:fs";
import type { Fields } from "../services/adapters/config/config.ts";
import type { Field } from "../services/adapters/config/fields.ts";
import { CONFIG_KEYS, type ConfigKey } from "../services/adapters/config/keys.ts";
import { KEY_FIELDS, FIELDS as PRICING } from "../services/api/config.ts";
import { API_FIELDS, MIGRATE_FIELDS } from "../services/cli/config.ts";
import { FIELDS as JOBS } from "../services/jobs/config.ts";
import { FIELDS as PROCESSOR } from "../services/processor/config.ts";
import { FIELDS as SETTLEMENT } from "../services/settlement/config.ts";

/** Settings by who reads them. */
const READERS: Readonly<Record<string, Fields>> = {
  processor: PROCESSOR,
  settlement: SETTLEMENT,
  pricing: PRICING,
  jobs: JOBS,
  migrate: MIGRATE_FIELDS,
  "key create": KEY_FIELDS,
  "commands of the API": API_FIELDS,
};

export const SETTINGS_PATH = "docs/SETTINGS.md";

/** The text of docs/SETTINGS.md. */
export function settingsText(): string {
  const rows = Object.keys(CONFIG_KEYS).flatMap((key) => rowsOf(key as ConfigKey));
  return [
    "# Settings",
    "",
    "Made from the code by `npm run settings`; do not edit. What each setting is for, and how settings are given, is in",
    "[services/adapters/config](../services/adapters/config/README.md). The probe has",
    "[settings of its own](../gpu-probe/README.md). `METERHOUSE_CONFIG` is read by all.",
    "",
    "| Setting | Read by | Default | Must be |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** One row for each default that a key has: a process may have one of its own. */
function rowsOf(key: ConfigKey): string[] {
  const readers = Object.entries(READERS).flatMap(([reader, fields]) =>
    Object.values(fields)
      .filter((field) => field.key === key)
      .map((field) => ({ reader, standard: defaultOf(field), expected: field.expected })),
  );
  const rows = Map.groupBy(readers, ({ standard, expected }) => `${standard} | ${expected}`);
  return [...rows].map(([rest, same]) => {
    const names = same.length === Object.keys(READERS).length - 1 ? "all but the commands of the API" : null;
    return `| \`${key}\` | ${names ?? same.map(({ reader }) => reader).join(", ")} | ${rest} |`;
  });
}

function defaultOf({ fallback, isSecret }: Field<unknown>): string {
  if (fallback === undefined) return "must be set";
  if (fallback.value === undefined || fallback.value === "") return isSecret === true ? "none" : "empty";
  return `\`${fallback.text ?? String(fallback.value)}\``;
}

if (import.meta.main) writeFileSync(SETTINGS_PATH, settingsText());
