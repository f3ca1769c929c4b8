import { type Decimal, parseDecimal } from "./decimal.ts";

/** A decimal as it was written by this service. */
export function storedDecimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(`"${text}" was stored as a decimal: it was changed`);
  return parsed.value;
}
