import { type Decimal, parseDecimal } from "./decimal.ts";

/** Reads a decimal that Meterhouse wrote. Anything else was changed since then, so this throws. */
export function parseStoredDecimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(`${JSON.stringify(text)} was stored as a decimal: it was changed`);
  return parsed.value;
}
