// meterhouse price-book: check and publish price books from files.
import { Faults } from "../adapters/command/command.ts";
import { newId } from "../adapters/crypto/crypto.ts";
import type { PricingOperations } from "../client/pricing-operations.ts";
import { apiCommand, documentOf, json, output } from "./api-command.ts";

const bookFile = { name: "<file>", help: "a JSON file, such as docs/price-books/2026-h100.json" };

type Check = PricingOperations["validatePriceBook"]["reply"];
type Summary = PricingOperations["publishPriceBook"]["reply"];

export const BOOK_COMMANDS = [
  apiCommand({
    name: "price-book check",
    help: "Report every fault of a price book; nothing is stored. Exits with 1 if there is one.",
    argument: bookFile,
    options: { json },
    read(options, file) {
      const read = documentOf(file);
      if (read instanceof Faults) return read;
      return async ({ ask }) => {
        const reply = await ask("validatePriceBook", { body: read.document as object });
        return output(reply, { json: options.json, words: checkText(file), isGood: reply.is_valid });
      };
    },
  }),
  apiCommand({
    name: "price-book publish",
    help:
      "Publish a price book: hours from its effective_from on are rated by it, and it never changes again. " +
      "Publishing the same contents again changes nothing.",
    argument: bookFile,
    options: { json },
    read(options, file) {
      const read = documentOf(file);
      if (read instanceof Faults) return read;
      return async ({ ask }) => {
        // Both are done once by themselves, as a book's name is its hash; the same key would hide that it is published.
        const header = () => ({ "Idempotency-Key": newId() });
        const draft = await ask("draftPriceBook", { header: header(), body: read.document as object });
        const { price_book } = draft;
        const isNew = draft.status !== "published";
        const book = isNew
          ? await ask("publishPriceBook", { path: { price_book }, header: header() })
          : draft;
        return output({ ...book, is_new: isNew }, { json: options.json, words: publishedText });
      };
    },
  }),
];

function checkText(file: string): (check: Check) => string {
  return ({ is_valid, price_book, faults }) =>
    is_valid
      ? `${file} is a price book: ${price_book}`
      : [`${file} has faults:`, ...faults.map(({ code, message }) => `  ${message} (${code})`)].join("\n");
}

function publishedText({
  name,
  price_book,
  effective_from,
  currency,
  is_new,
}: Summary & { is_new: boolean }): string {
  const state = is_new ? "is published" : "was published already";
  return `${name} ${state}: in ${currency} from ${effective_from} on, ${price_book}`;
}
