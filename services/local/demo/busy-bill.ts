// Why a tenant that held a card without working it pays less: its charges' terms, and the same hours by a book that does not look.
import type { PricingOperations } from "../../client/pricing-operations.ts";
import { shortDecimal } from "../../domain/billing/line-texts.ts";
import { cardText } from "../../domain/event/fields.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import { secondsText } from "./account.ts";

type Charge = PricingOperations["listCharges"]["reply"]["items"][number];
type Compared = PricingOperations["whatIf"]["reply"];

/** A price book of `composite@2` as its file has it, as far as the demo needs to know. */
export interface PriceBookJson {
  readonly name: string;
  readonly effective_from: string;
  readonly gpus: readonly { readonly weights: Readonly<Record<"busy" | "held", string>> }[];
}

/** The same book with the weight of busy time on held time: as if the card had worked for as long as it was held. */
export function byElapsedTime(book: PriceBookJson): PriceBookJson {
  return {
    ...book,
    name: `${book.name}, elapsed time alone`,
    gpus: book.gpus.map((gpu) => {
      const { busy, held } = gpu.weights;
      return {
        ...gpu,
        weights: {
          ...gpu.weights,
          busy: "0",
          held: formatDecimal(parseStoredDecimal(busy) + parseStoredDecimal(held)),
        },
      };
    }),
  };
}

/** Every term as the API answers it. */
export function whyText(charges: readonly Charge[], { items }: Compared): string[] {
  const [compared] = items;
  if (compared?.total === undefined || compared.total === null) throw new Error("nothing to compare with");
  const { total, currency } = compared;
  return [
    ...charges.flatMap((it) => [
      `Why: ${it.model} on ${cardText(it)}`,
      `  elapsed   ${secondsText(it.gpu_time_ns)}`,
      `  busy      ${secondsText(it.busy_ns)} = ${it.busy_ratio} of elapsed; known by the counter ${short(it.busy_counter_share)}, ` +
        `by samples ${short(it.busy_sampled_share)}, not measured ${short(it.busy_elapsed_share)}`,
      `  charge    ${it.charge} ${it.currency} = ${it.gpu_hours} GPU-hours x ${short(it.rate_per_gpu_hour)} x ` +
        `composite ${it.composite} x quality ${short(it.quality)}`,
    ]),
    `  not paid  ${total.difference} ${currency}: by elapsed time alone it would have been ${total.after}`,
  ];
}

const short = (text: string): string => shortDecimal(parseStoredDecimal(text));
