// meterhouse quote, what-if and index: what prices mean for work that is planned or done.
import { Faults } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { choice, otherwise, required, text, whole } from "../adapters/command/options.ts";
import { apiCommand, documentOf, from, given, json, output, tenant, to } from "./api-command.ts";
import { indexText, quoteText, whatIfText } from "./price-text.ts";

const TOKENS = { min: 0, max: 9_999_999_999 };

export const PRICE_COMMANDS = [
  apiCommand({
    name: "quote",
    help: "Quote a workload from measured sessions: expected cost, p50 and p90.",
    options: {
      model: required(text("--model <name>", "the model")),
      gpu: required(text("--gpu <name>", "the card, such as NVIDIA H100 80GB HBM3")),
      requests: required(text("--requests <n>", "number of requests, 1 to 999,999,999")),
      mig: text("--mig <profile>", "the MIG profile; a whole card by default"),
      "tokens-in": whole("--tokens-in <n>", "tokens per prompt", TOKENS),
      "tokens-out": whole("--tokens-out <n>", "tokens generated per request", TOKENS),
      tenant: text("--tenant <id>", "use this tenant's sessions and plan"),
      project: text("--project <id>", "use this project's sessions"),
      from: text(
        "--from <hour>",
        "use the prices of this hour in UTC, such as 2026-11-01T00:00Z; the current hour by default",
      ),
      json,
    },
    read:
      (options) =>
      async ({ ask }) => {
        const optional = {
          mig_profile: options.mig,
          tenant_id: options.tenant,
          project_id: options.project,
          from: options.from,
          tokens_in: options["tokens-in"],
          tokens_out: options["tokens-out"],
        };
        const { model, gpu: gpu_model, requests } = options;
        const reply = await ask("quote", { body: { model, gpu_model, requests, ...given(optional) } });
        return output(reply, { json: options.json, words: quoteText });
      },
  }),
  apiCommand({
    name: "what-if",
    help: "Show what stored hours would cost by another price book, by tenant.",
    options: {
      from: required(from),
      to: required(to),
      book: text("--book <hash>", "hash of a stored price book"),
      candidate: text("--candidate <file>", "or a JSON file with a price book"),
      tenant,
      json,
    },
    read({ book: price_book, candidate: file, ...options }) {
      if ((price_book === undefined) === (file === undefined)) {
        return new Faults("what-if needs either --book, a price book's hash, or --candidate, a file");
      }
      const read = file === undefined ? undefined : documentOf(file);
      if (read instanceof Faults) return read;
      const body = {
        from: options.from,
        to: options.to,
        ...given({ tenant_id: options.tenant, price_book, candidate: read?.document }),
      };
      return async ({ ask }) => {
        const [first, ...more] = await allPages((query) => ask("whatIf", { body, query }));
        const items = [first, ...more].flatMap((page) => page.items);
        const reply = { price_book: first.price_book, items, assumes: first.assumes };
        return output(reply, { json: options.json, words: () => whatIfText(first, items) });
      };
    },
  }),
  apiCommand({
    name: "index",
    help: "Show the unit-quality compute price over time: base 100, a chained Fisher index.",
    options: {
      from: required(from),
      to: required(to),
      period: otherwise(choice("--period <period>", "the length of a point", ["hour", "day"]), "day"),
      currency: otherwise(text("--currency <code>", "currency of the prices"), "USD"),
      series: choice(
        "--series <series>",
        "all sales, or only those that tenants may see; by default as much as your key allows",
        ["all", "shared"],
      ),
      json,
    },
    read:
      ({ json, series, ...range }) =>
      async ({ ask }) => {
        const pages = await allPages((page) =>
          ask("listIndexPoints", { query: { ...range, ...given({ series }), ...page } }),
        );
        const items = pages.flatMap((page) => page.items);
        return json
          ? { text: JSON.stringify({ items }), exitCode: EXIT.done }
          : output(items, { json, words: indexText });
      },
  }),
];

/** Every page of a list. */
async function allPages<Page extends { readonly next_cursor: string | null }>(
  read: (page: { readonly cursor?: string }) => Promise<Page>,
): Promise<[Page, ...Page[]]> {
  const pages: [Page, ...Page[]] = [await read({})];
  for (let cursor = pages[0].next_cursor; cursor !== null; ) {
    const page = await read({ cursor });
    pages.push(page);
    cursor = page.next_cursor;
  }
  return pages;
}
