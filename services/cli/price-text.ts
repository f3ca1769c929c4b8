// Quotes, comparisons and the index as texts for a terminal.

import type { PricingOperations } from "../client/pricing-operations.ts";
import { cardText } from "../domain/event/fields.ts";

export function quoteText(quoted: PricingOperations["quote"]["reply"]): string {
  const { currency, history, samples } = quoted;
  const assumes = quoted.assumes.map((sentence) => `  ${sentence}`);
  const what = `${quoted.requests} requests of ${quoted.model} on ${cardText(quoted)}`;
  if (quoted.kind === "no_history") return [`${what}: no history`, ...assumes].join("\n");
  const rows = (["expected", "p50", "p90"] as const).map(
    (name) => `  ${name.padEnd(8)} ${(quoted[name] ?? "").padStart(24)} ${currency}`,
  );
  const sound = quoted.is_p90_sound ? "" : ", too few for p90 to be sound";
  const span = `  ${samples} samples${sound}, ${history.from} to ${history.to}, looked up ${history.looked_up_at}`;
  return [what, ...rows, span, ...assumes].join("\n");
}

export function whatIfText(
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

export function indexText(items: PricingOperations["listIndexPoints"]["reply"]["items"]): string {
  return items
    .filter(({ is_withdrawn }) => !is_withdrawn)
    .map(({ from, level, link, version, components }) => {
      const classes = components.filter(({ standing }) => standing !== "carried").length;
      const again = version === 1 ? "" : `  version ${version}`;
      return `${from}  ${level.padStart(20)}  x ${link}  ${classes} classes${again}`;
    })
    .join("\n");
}
