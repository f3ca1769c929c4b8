import { type Decimal, ONE, parseDecimal } from "../money/decimal.ts";
import { type PriceBookFault, type PriceBookFaultCode, priceBookFault } from "./price-book-faults.ts";

type Fields = Readonly<Record<string, unknown>>;
type Need = "required" | "optional";

const FACTOR_MAX = 4n * ONE;
const TEXT_LENGTH_MAX = 128;

/**
 * Reads parts of a parsed JSON document and notes every fault with its path instead of stopping at the first.
 * What cannot be read comes back as a harmless stand-in: a document with faults is never used.
 */
export class PriceBookReader {
  readonly faults: PriceBookFault[] = [];

  fault(path: string, code: PriceBookFaultCode): void {
    this.faults.push(priceBookFault(path, code));
  }

  /** The fields of an object. Missing required ones and unknown ones are faults. */
  object(value: unknown, path: string, allowed: Readonly<Record<string, Need>>): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.fault(path, "PRICE_BOOK_NOT_AN_OBJECT");
      return {};
    }
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(allowed, name)) this.fault(join(path, name), "PRICE_BOOK_FIELD_UNKNOWN");
    }
    for (const [name, need] of Object.entries(allowed)) {
      if (need === "required" && !Object.hasOwn(value, name)) {
        this.fault(join(path, name), "PRICE_BOOK_FIELD_MISSING");
      }
    }
    return value as Fields;
  }

  /** The fields of an object that may be absent, where its absence is either allowed or a fault already. */
  part(value: unknown, path: string, allowed: Readonly<Record<string, Need>>): Fields {
    return value === undefined ? {} : this.object(value, path, allowed);
  }

  list<T>(value: unknown, path: string, read: (entry: unknown, path: string) => T): T[] {
    if (value === undefined) return [];
    if (!Array.isArray(value) || value.length === 0) {
      this.fault(path, "PRICE_BOOK_NOT_A_LIST");
      return [];
    }
    return value.map((entry, index) => read(entry, `${path}[${index}]`));
  }

  text(value: unknown, path: string): string {
    if (value === undefined) return "";
    if (typeof value === "string" && value !== "" && value.length <= TEXT_LENGTH_MAX) return value;
    this.fault(path, "PRICE_BOOK_NOT_A_TEXT");
    return "";
  }

  /** A decimal of at least 0. */
  amount(value: unknown, path: string): Decimal {
    if (value === undefined) return 0n;
    if (typeof value !== "string") {
      this.fault(path, "PRICE_BOOK_NOT_A_DECIMAL");
      return 0n;
    }
    const parsed = parseDecimal(value);
    if (!parsed.ok) {
      const tooMany = parsed.fault === "DECIMAL_TOO_MANY_DIGITS";
      this.fault(path, tooMany ? "PRICE_BOOK_TOO_MANY_DIGITS" : "PRICE_BOOK_NOT_A_DECIMAL");
      return 0n;
    }
    if (parsed.value < 0n) this.fault(path, "PRICE_BOOK_NEGATIVE");
    return parsed.value;
  }

  /** A factor of quality: 0 to 4, and 1 where the book does not say. */
  factor(value: unknown, path: string): Decimal {
    if (value === undefined) return ONE;
    const factor = this.amount(value, path);
    if (factor > FACTOR_MAX) this.fault(path, "PRICE_BOOK_FACTOR_TOO_LARGE");
    return factor;
  }

  /** One of several texts; the first of them stands in for what is none. */
  choice<Name extends string>(value: unknown, path: string, names: readonly [Name, ...Name[]]): Name {
    const found = names.find((name) => name === value);
    if (found === undefined && value !== undefined) this.fault(path, "PRICE_BOOK_CHOICE");
    return found ?? names[0];
  }

  hourOfDay(value: unknown, path: string): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 24) return value;
    this.fault(path, "PRICE_BOOK_HOUR_OF_DAY");
    return 0;
  }

  count(value: unknown, path: string): bigint {
    if (value === undefined) return 1n;
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return BigInt(value);
    this.fault(path, "PRICE_BOOK_NOT_A_COUNT");
    return 1n;
  }
}

export function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
