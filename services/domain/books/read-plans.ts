import { type Decimal, ONE } from "../money/decimal.ts";
import {
  ADJUSTMENT_KINDS,
  type Adjustment,
  type Allowance,
  type FlatFee,
  type HourlyCommitment,
  ON_DEMAND,
  type Plan,
  PREPAID_UNITS,
  type PrepaidOffer,
  type RateItem,
  type RatePrice,
  type Tier,
  type TimeOfDay,
  UNITS,
} from "./plan.ts";
import type { PriceBookReader } from "./price-book-reader.ts";

const HUNDRED = 100n * ONE;

/** The plans of a book. Every fault is noted with its path, such as `plans[0].rates[1].graduated`. */
export function readPlans(read: PriceBookReader, value: unknown): Plan[] {
  return named(read, value, "plans", (entry, path) => readPlan(read, entry, path));
}

/** The packages and credits that a book offers. */
export function readOffers(read: PriceBookReader, value: unknown): PrepaidOffer[] {
  return named(read, value, "prepaid", (entry, path) => readOffer(read, entry, path));
}

/** A package or credit, as a book offers it or as it was agreed on with one tenant. */
export function readOffer(read: PriceBookReader, entry: unknown, path: string): PrepaidOffer {
  const fields = read.object(entry, path, {
    name: "required",
    unit: "required",
    quantity: "required",
    price: "required",
    valid_hours: "required",
    gpu_models: "optional",
  });
  return {
    name: read.text(fields["name"], `${path}.name`),
    unit: read.choice(fields["unit"], `${path}.unit`, PREPAID_UNITS),
    quantity: positive(read, fields["quantity"], `${path}.quantity`),
    price: read.amount(fields["price"], `${path}.price`),
    valid_hours: read.count(fields["valid_hours"], `${path}.valid_hours`),
    gpu_models: texts(read, fields["gpu_models"], `${path}.gpu_models`),
  };
}

function readPlan(read: PriceBookReader, entry: unknown, path: string): Plan {
  const fields = read.object(entry, path, {
    name: "required",
    rates: "optional",
    flat_fees: "optional",
    allowances: "optional",
    hourly_commitments: "optional",
    adjustments: "optional",
  });
  const part = <T extends { name: string }>(name: string, of: (entry: unknown, path: string) => T) =>
    named(read, fields[name], `${path}.${name}`, of);
  const plan: Plan = {
    name: read.text(fields["name"], `${path}.name`),
    rates: part("rates", (item, at) => readRate(read, item, at)),
    flat_fees: part("flat_fees", (item, at) => readFee(read, item, at)),
    allowances: part("allowances", (item, at) => readAllowance(read, item, at)),
    hourly_commitments: part("hourly_commitments", (item, at) => readCommitment(read, item, at)),
    adjustments: part("adjustments", (item, at) => readAdjustment(read, item, at)),
  };
  checkRateNames(read, plan, path);
  return plan;
}

function readRate(read: PriceBookReader, entry: unknown, path: string): RateItem {
  const fields = read.object(entry, path, {
    name: "required",
    gpu_models: "optional",
    models: "optional",
    unit: "required",
    unit_price: "optional",
    graduated: "optional",
    volume: "optional",
    time_of_day: "optional",
  });
  const time_of_day = read.list(fields["time_of_day"], `${path}.time_of_day`, (item, at) =>
    readTimeOfDay(read, item, at),
  );
  const hours = time_of_day.flatMap((window) => window.hours);
  if (new Set(hours).size !== hours.length) read.fault(`${path}.time_of_day`, "PRICE_BOOK_HOUR_TWICE");
  return {
    name: read.text(fields["name"], `${path}.name`),
    gpu_models: texts(read, fields["gpu_models"], `${path}.gpu_models`),
    models: texts(read, fields["models"], `${path}.models`),
    unit: read.choice(fields["unit"], `${path}.unit`, UNITS),
    price: readPrice(read, fields, path),
    time_of_day,
  };
}

function readPrice(
  read: PriceBookReader,
  fields: Readonly<Record<string, unknown>>,
  path: string,
): RatePrice {
  const kinds = (["unit_price", "graduated", "volume"] as const).filter((kind) => fields[kind] !== undefined);
  if (kinds.length > 1) read.fault(path, "PRICE_BOOK_PRICES");
  const [kind] = kinds;
  if (kind === undefined) return { kind: "card" };
  if (kind === "unit_price") {
    return { kind: "unit", unit_price: read.amount(fields[kind], `${path}.${kind}`) };
  }
  const tiers = read.list(fields[kind], `${path}.${kind}`, (item, at) => readTier(read, item, at));
  const isRising = tiers.every(({ up_to }, index) => {
    if (index === tiers.length - 1) return up_to === null;
    return up_to !== null && up_to > (tiers[index - 1]?.up_to ?? 0n);
  });
  if (!isRising) read.fault(`${path}.${kind}`, "PRICE_BOOK_TIERS");
  return { kind, tiers };
}

function readTier(read: PriceBookReader, entry: unknown, path: string): Tier {
  const fields = read.object(entry, path, { up_to: "optional", unit_price: "required" });
  const up_to = fields["up_to"];
  return {
    up_to: up_to === undefined ? null : read.amount(up_to, `${path}.up_to`),
    unit_price: read.amount(fields["unit_price"], `${path}.unit_price`),
  };
}

function readTimeOfDay(read: PriceBookReader, entry: unknown, path: string): TimeOfDay {
  const fields = read.object(entry, path, { hours: "required", factor: "required" });
  return {
    hours: read.list(fields["hours"], `${path}.hours`, (hour, at) => read.hourOfDay(hour, at)),
    factor: read.factor(fields["factor"], `${path}.factor`),
  };
}

function readFee(read: PriceBookReader, entry: unknown, path: string): FlatFee {
  const fields = read.object(entry, path, { name: "required", amount: "required" });
  return {
    name: read.text(fields["name"], `${path}.name`),
    amount: read.amount(fields["amount"], `${path}.amount`),
  };
}

function readAllowance(read: PriceBookReader, entry: unknown, path: string): Allowance {
  const fields = read.object(entry, path, { name: "required", rate: "required", quantity: "required" });
  return {
    name: read.text(fields["name"], `${path}.name`),
    rate: read.text(fields["rate"], `${path}.rate`),
    quantity: positive(read, fields["quantity"], `${path}.quantity`),
  };
}

function readCommitment(read: PriceBookReader, entry: unknown, path: string): HourlyCommitment {
  const fields = read.object(entry, path, {
    name: "required",
    rate: "required",
    quantity: "required",
    unit_price: "required",
    overage_factor: "optional",
  });
  return {
    name: read.text(fields["name"], `${path}.name`),
    rate: read.text(fields["rate"], `${path}.rate`),
    quantity: positive(read, fields["quantity"], `${path}.quantity`),
    unit_price: read.amount(fields["unit_price"], `${path}.unit_price`),
    overage_factor: read.factor(fields["overage_factor"], `${path}.overage_factor`),
  };
}

function readAdjustment(read: PriceBookReader, entry: unknown, path: string): Adjustment {
  const fields = read.object(entry, path, {
    name: "required",
    ...Object.fromEntries(ADJUSTMENT_KINDS.map((kind) => [kind, "optional" as const])),
  });
  const kinds = ADJUSTMENT_KINDS.filter((kind) => fields[kind] !== undefined);
  if (kinds.length !== 1) read.fault(path, "PRICE_BOOK_ADJUSTMENT");
  const kind = kinds[0] ?? "fixed_discount";
  const value = read.amount(fields[kind], `${path}.${kind}`);
  if (kind === "percentage_discount" && value > HUNDRED) read.fault(`${path}.${kind}`, "PRICE_BOOK_PERCENT");
  return { name: read.text(fields["name"], `${path}.name`), kind, value };
}

/** Allowances and commitments name a rate item of their plan, and an item has one commitment at most. */
function checkRateNames(read: PriceBookReader, plan: Plan, path: string): void {
  const names = new Set([ON_DEMAND.name, ...plan.rates.map(({ name }) => name)]);
  for (const part of ["allowances", "hourly_commitments"] as const) {
    plan[part].forEach(({ rate }, index) => {
      if (rate !== "" && !names.has(rate)) {
        read.fault(`${path}.${part}[${index}].rate`, "PRICE_BOOK_RATE_UNKNOWN");
      }
    });
  }
  const committed = plan.hourly_commitments.map(({ rate }) => rate);
  committed.forEach((rate, index) => {
    if (committed.indexOf(rate) !== index) {
      read.fault(`${path}.hourly_commitments[${index}].rate`, "PRICE_BOOK_RATE_TWICE");
    }
  });
}

/** A list of parts that are told apart by their names. */
function named<T extends { readonly name: string }>(
  read: PriceBookReader,
  value: unknown,
  path: string,
  of: (entry: unknown, path: string) => T,
): T[] {
  const parts = read.list(value, path, of);
  const names = parts.map(({ name }) => name);
  names.forEach((name, index) => {
    if (name !== "" && names.indexOf(name) !== index) {
      read.fault(`${path}[${index}].name`, "PRICE_BOOK_NAME_TWICE");
    }
  });
  return parts;
}

function texts(read: PriceBookReader, value: unknown, path: string): string[] {
  return read.list(value, path, (entry, at) => read.text(entry, at));
}

function positive(read: PriceBookReader, value: unknown, path: string): Decimal {
  const before = read.faults.length;
  const amount = read.amount(value, path);
  const isRead = value !== undefined && read.faults.length === before;
  if (isRead && amount === 0n) read.fault(path, "PRICE_BOOK_ZERO");
  return amount;
}
