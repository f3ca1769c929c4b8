import { parseArgs } from "node:util";
import { readJsonFile } from "../adapters/files/json-file.ts";
import type { PricingClient } from "../client/client.ts";
import type { PricingOperations } from "../client/pricing-operations.ts";

/** What a command line asks about prices, as the API takes it. */
export type Question =
  | { readonly about: "quote"; readonly body: PricingOperations["quote"]["asked"]["body"] }
  | { readonly about: "what-if"; readonly body: PricingOperations["whatIf"]["asked"]["body"] }
  | { readonly about: "index"; readonly query: PricingOperations["listIndexPoints"]["asked"]["query"] };

export type ReadQuestion =
  | { readonly ok: true; readonly question: Question; readonly json: boolean }
  | { readonly ok: false; readonly problem: string };

const TEXT = { type: "string" } as const;
const OPTIONS = {
  ...{ model: TEXT, gpu: TEXT, mig: TEXT, requests: TEXT, "tokens-in": TEXT, "tokens-out": TEXT },
  ...{ tenant: TEXT, project: TEXT, from: TEXT, to: TEXT, book: TEXT, candidate: TEXT },
  ...{ period: TEXT, currency: TEXT, series: TEXT, config: TEXT },
  json: { type: "boolean", default: false },
  // Read by the configuration.
  "check-config": { type: "boolean" },
} as const;

type Values = Readonly<Partial<Record<keyof typeof OPTIONS, string | boolean>>>;

export function isAboutPrices(name: string | undefined): name is Question["about"] {
  return name === "quote" || name === "what-if" || name === "index";
}

/** Says only what the API cannot: what is missing or cannot be read. All else is the API's to judge. */
export function readQuestion(about: Question["about"], argv: readonly string[]): ReadQuestion {
  let values: Values;
  try {
    values = parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
  const question = { quote: quoteOf, "what-if": whatIfOf, index: indexOf }[about](values);
  return typeof question === "string" ? fault(question) : { ok: true, question, json: values.json === true };
}

function quoteOf(values: Values): Question | string {
  const [model, gpu_model, requests] = [text(values.model), text(values.gpu), text(values.requests)];
  if (model === undefined || gpu_model === undefined || requests === undefined) {
    return "a quote needs --model, --gpu and --requests";
  }
  const [tokens_in, tokens_out] = [values["tokens-in"], values["tokens-out"]].map(whole);
  if (tokens_in === null || tokens_out === null) return "tokens are a whole number";
  const optional = {
    mig_profile: text(values.mig),
    tenant_id: text(values.tenant),
    project_id: text(values.project),
    from: text(values.from),
    tokens_in,
    tokens_out,
  };
  return { about: "quote", body: { model, gpu_model, requests, ...given(optional) } };
}

function whatIfOf(values: Values): Question | string {
  const [from, to, price_book, file] = [values.from, values.to, values.book, values.candidate].map(text);
  if (from === undefined || to === undefined) return "what-if needs --from and --to";
  if ((price_book === undefined) === (file === undefined)) {
    return "what-if needs either --book, a price book's hash, or --candidate, a file";
  }
  const range = { from, to, ...given({ tenant_id: text(values.tenant), price_book }) };
  if (file === undefined) return { about: "what-if", body: range };
  const read = readJsonFile(file);
  return read.ok
    ? { about: "what-if", body: { ...range, candidate: read.document } }
    : `${file} ${read.problem}`;
}

function indexOf(values: Values): Question | string {
  const [from, to, currency = "USD", period = "day", series] = [
    ...[values.from, values.to, values.currency, values.period, values.series].map(text),
  ];
  if (from === undefined || to === undefined) return "the index needs --from and --to";
  if (period !== "hour" && period !== "day") return "--period is hour or day";
  if (series !== undefined && series !== "all" && series !== "shared") return "--series is all or shared";
  return { about: "index", query: { from, to, currency, period, ...given({ series }) } };
}

/** Asks and shows the answer: as one line of JSON, or to be read. A list is asked for to its end. */
export async function answerQuestion(ask: PricingClient, question: Question, json: boolean): Promise<string> {
  switch (question.about) {
    case "quote": {
      const quoted = await ask("quote", { body: question.body });
      return json ? JSON.stringify(quoted) : quoteText(quoted);
    }
    case "what-if": {
      const pages = await allPages((query) => ask("whatIf", { body: question.body, query }));
      const items = pages.flatMap((page) => page.items);
      const [first] = pages;
      return json || first === undefined
        ? JSON.stringify({ price_book: first?.price_book, items, assumes: first?.assumes ?? [] })
        : whatIfText(first, items);
    }
    case "index": {
      const pages = await allPages((page) =>
        ask("listIndexPoints", { query: { ...question.query, ...page } }),
      );
      const items = pages.flatMap((page) => page.items);
      return json ? JSON.stringify({ items }) : indexText(items);
    }
  }
}

async function allPages<Page extends { readonly next_cursor: string | null }>(
  read: (page: { readonly cursor?: string }) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Page = await read(given({ cursor: cursor ?? undefined }));
    pages.push(page);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return pages;
}

function quoteText(quoted: PricingOperations["quote"]["reply"]): string {
  const { currency, history, samples } = quoted;
  const assumes = quoted.assumes.map((sentence) => `  ${sentence}`);
  const what =
    `${quoted.requests} requests of ${quoted.model} on ${quoted.gpu_model} ${quoted.mig_profile}`.trim();
  if (quoted.kind === "no_history") return [`${what}: no history`, ...assumes].join("\n");
  const rows = (["expected", "p50", "p90"] as const).map(
    (name) => `  ${name.padEnd(8)} ${(quoted[name] ?? "").padStart(24)} ${currency}`,
  );
  const sound = quoted.is_p90_sound ? "" : ", too few for p90 to be sound";
  const span = `  ${samples} samples${sound}, ${history.from} to ${history.to}, looked up ${history.looked_up_at}`;
  return [what, ...rows, span, ...assumes].join("\n");
}

function whatIfText(
  { name, from, to, assumes }: PricingOperations["whatIf"]["reply"],
  items: PricingOperations["whatIf"]["reply"]["items"],
): string {
  const rows = items.map(({ tenant_id, currency, total, faults, unrated }) => {
    if (total === null) return `  ${tenant_id}: ${faults.map(({ message }) => message).join("; ")}`;
    const { before, after, difference } = total;
    const lacking = unrated.after === 0 ? "" : `  (${unrated.after} rows have no price)`;
    return `  ${tenant_id}: ${before} becomes ${after} ${currency}, ${difference} more${lacking}`;
  });
  return [`${name} over ${from} to ${to}`, ...rows, ...assumes.map((sentence) => `  ${sentence}`)].join("\n");
}

function indexText(items: PricingOperations["listIndexPoints"]["reply"]["items"]): string {
  return items
    .filter(({ is_withdrawn }) => !is_withdrawn)
    .map(({ from, level, link, version, components }) => {
      const classes = components.filter(({ standing }) => standing !== "carried").length;
      const again = version === 1 ? "" : `  version ${version}`;
      return `${from}  ${level.padStart(20)}  x ${link}  ${classes} classes${again}`;
    })
    .join("\n");
}

type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** The fields that have a value. */
function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<Fields>;
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Null for what is no whole number. */
function whole(value: string | boolean | undefined): number | null | undefined {
  if (typeof value !== "string") return undefined;
  return /^[0-9]{1,10}$/.test(value) ? Number(value) : null;
}

function fault(problem: string): ReadQuestion {
  return { ok: false, problem };
}
