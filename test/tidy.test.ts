import { describe, expect, it } from "vitest";
import { SETTINGS_PATH, settingsText } from "../ops/settings.ts";
import { CONFIG_KEYS } from "../services/adapters/config/keys.ts";
import { API_CODES } from "../services/adapters/http/problem.ts";
import { METRICS } from "../services/adapters/metrics/names.ts";
import { REFUSAL_CODES } from "../services/domain/access/refusal.ts";
import { SETTLEMENT_FAULTS } from "../services/domain/billing/faults.ts";
import { PRICE_BOOK_FAULTS } from "../services/domain/books/price-book-faults.ts";
import { REJECT_CODES } from "../services/domain/event/codes.ts";
import { ROLES } from "../services/local/roles.ts";
import { FIELDS } from "../services/processor/config.ts";
import * as checks from "./tidy/checks.ts";
import { longFunctions } from "./tidy/functions.ts";
import * as imports from "./tidy/imports.ts";
import { repositoryFiles } from "./tidy/source.ts";

const files = repositoryFiles();
const CODE_TABLES = { API_CODES, PRICE_BOOK_FAULTS, REFUSAL_CODES, REJECT_CODES, SETTLEMENT_FAULTS };

function textOf(path: string): string {
  const file = files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`${path} is not there`);
  return file.text;
}

/** The first two cells of the rows whose first cell is a name in backticks. */
function documentedNames(markdown: string): [string, string][] {
  return [...markdown.matchAll(/^\| `(\w+)` \| (.+?) \|$/gm)].map(([, name = "", text = ""]) => [name, text]);
}

describe("the source is tidy", () => {
  // Every export is looked for in every file, which a busy machine takes its time for.
  it.each(Object.entries({ ...checks, ...imports, longFunctions }))(
    "%s",
    { timeout: 60_000 },
    (_name, check) => {
      expect(check(files)).toEqual([]);
    },
  );
});

it("every metric is kept by some process", () => {
  const processes = files.filter(({ path }) => /^services\/(?!adapters\/metrics|domain|local)/.test(path));
  const unkept = Object.keys(METRICS).filter(
    (name) =>
      !processes.some(({ code }) => new RegExp(`\\b${name}\\.(?:inc|dec|set|observe|zero)\\b`).test(code)),
  );
  expect(unkept).toEqual([]);
});

describe("the documents say what the code says", () => {
  it("every setting", () => {
    const documented = documentedNames(textOf("services/adapters/config/README.md"));
    expect(documented).toEqual(Object.entries(CONFIG_KEYS));
  });

  it("every setting with its default, its bounds and who reads it", () => {
    expect(textOf(SETTINGS_PATH), "npm run settings writes it").toBe(settingsText());
  });

  it("every error code, with the same words", () => {
    const documented = Object.fromEntries(documentedNames(textOf("docs/ERRORS.md")));
    const titles = Object.entries({ ...API_CODES, ...REFUSAL_CODES }).map(([code, { title }]) => [
      code,
      title,
    ]);
    expect(documented).toEqual({
      ...REJECT_CODES,
      ...PRICE_BOOK_FAULTS,
      ...SETTLEMENT_FAULTS,
      ...Object.fromEntries(titles),
    });
  });

  it("every table of error codes is among those", () => {
    const tables = files.flatMap(({ path, code }) =>
      path.startsWith("services/") ? [...code.matchAll(/^export const (\w+_(?:CODES|FAULTS)) = \{/gm)] : [],
    );
    expect(tables.map(([, name]) => name).sort()).toEqual(Object.keys(CODE_TABLES));
  });

  it("every role of ClickHouse", () => {
    const documented = documentedNames(textOf("services/local/README.md"));
    expect(documented.map(([name]) => name)).toEqual([...ROLES]);
  });

  it("how a process uses its settings", () => {
    const example = textOf("services/adapters/README.md");
    const names = [...example.matchAll(/\bconfig\.(?!ts\b)(\w+)/g)].map(([, name]) => name);
    expect(names).not.toEqual([]);
    expect(Object.keys(FIELDS)).toEqual(expect.arrayContaining(names));
  });

  it("every dependency", () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(textOf("package.json"));
    const names = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
    const contributing = textOf("CONTRIBUTING.md");
    expect(names.filter((name) => !contributing.includes(`| \`${name}\` |`))).toEqual([]);
  });
});
