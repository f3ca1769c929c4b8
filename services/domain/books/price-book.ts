import { compareText } from "../closing/usage.ts";
import { isOperatorPhase } from "../event/phases.ts";
import { type Decimal, formatDecimal, ONE } from "../money/decimal.ts";
import { formatHour, type Hour, parseHour } from "../time/hour.ts";
import { FORMULAS, type Formula, hasContention, NO_WEIGHTS, WEIGHTS, type Weights } from "./formulas.ts";
import type { Plan, PrepaidOffer } from "./plan.ts";
import { offersDocument, plansDocument } from "./plan-document.ts";
import { type PriceBookFault, priceBookFault } from "./price-book-faults.ts";
import { PriceBookReader } from "./price-book-reader.ts";
import { readOffers, readPlans } from "./read-plans.ts";

const SHARING_MODES = ["exclusive", "mps", "timeslice"] as const;
const PHASES = ["load", "warmup", "inference"] as const;
export const OUTCOMES = ["ok", "error", "timeout", "cancelled", "interrupted"] as const;

const BOUNDS = ["min", "max"] as const;

/** Who pays for a phase. What the operator pays is cost and never part of a tenant's bill. */
export type Payer = "tenant" | "operator";
type Factors<Name extends string> = { readonly [name in Name]: Decimal };

export interface GpuPrice {
  readonly gpu_model: string;
  /** "" for a whole GPU. */
  readonly mig_profile: string;
  readonly rate_per_gpu_hour: Decimal;
  /** The card that memory, power and NVLink are measured against. */
  readonly reference: {
    readonly memory_bytes: bigint;
    readonly power_limit_mw: bigint;
    readonly nvlink_bytes_per_s: bigint;
  };
  readonly weights: Weights;
  /** Quality factor of the card's generation. */
  readonly generation: Decimal;
}

export interface Quality {
  readonly sharing: Factors<(typeof SHARING_MODES)[number]>;
  readonly outcome: Factors<(typeof OUTCOMES)[number]>;
  /** Busy / elapsed time, bounded; both 1 where the formula has no contention. */
  readonly contention: { readonly min: Decimal; readonly max: Decimal };
  /** On top of the outcome's factor, for sessions that were interrupted. */
  readonly interruption: Decimal;
}

/** Immutable prices from an hour on, until the next book takes effect. What it does not know, it refuses. */
export interface PriceBook {
  readonly name: string;
  readonly formula: Formula;
  readonly currency: string;
  readonly effective_from: Hour;
  /**
   * Hash of the book that this one only adds cards to, in its place and from the same hour on; "" for a book of its own. So hours
   * that wait for a card can be rated, and no hour that is rated changes.
   */
  readonly supplements: string;
  /** The account that load and warm-up go to. */
  readonly operator_tenant_id: string;
  readonly phases: { readonly [phase in (typeof PHASES)[number]]: Payer };
  readonly gpus: readonly GpuPrice[];
  readonly quality: Quality;
  /** Plans that a subscription can name, and packages and credits that can be bought; none where it has none. */
  readonly plans: readonly Plan[];
  readonly prepaid: readonly PrepaidOffer[];
}

export type ReadPriceBook =
  | { readonly ok: true; readonly book: PriceBook }
  | { readonly ok: false; readonly faults: readonly PriceBookFault[] };

/** Reads a parsed JSON document as a price book, or tells everything that is wrong with it. */
export function readPriceBook(document: unknown): ReadPriceBook {
  const read = new PriceBookReader();
  const fields = read.object(document, "", {
    name: "required",
    formula: "required",
    currency: "required",
    effective_from: "required",
    supplements: "optional",
    operator_tenant_id: "required",
    phases: "required",
    gpus: "required",
    quality: "optional",
    plans: "optional",
    prepaid: "optional",
  });
  const formula = readFormula(read, fields["formula"]);
  const gpus = read.list(fields["gpus"], "gpus", (entry, path) => readGpu(read, entry, path, formula));
  const book: PriceBook = {
    name: read.text(fields["name"], "name"),
    formula,
    currency: readCurrency(read, fields["currency"]),
    effective_from: readEffectiveFrom(read, fields["effective_from"]),
    supplements: fields["supplements"] === undefined ? "" : read.text(fields["supplements"], "supplements"),
    operator_tenant_id: read.text(fields["operator_tenant_id"], "operator_tenant_id"),
    phases: readPhases(read, fields["phases"]),
    gpus: gpus.toSorted((a, b) => compareText(gpuKey(a), gpuKey(b))),
    quality: readQuality(read, fields["quality"], formula),
    plans: readPlans(read, fields["plans"]),
    prepaid: readOffers(read, fields["prepaid"]),
  };
  gpus.forEach((gpu, index) => {
    const isTwice =
      gpu.gpu_model !== "" && gpus.slice(0, index).some((other) => gpuKey(other) === gpuKey(gpu));
    if (isTwice) read.fault(`gpus[${index}].gpu_model`, "PRICE_BOOK_GPU_TWICE");
  });
  return read.faults.length === 0 ? { ok: true, book } : { ok: false, faults: read.faults };
}

/** Faults of several books together: no two may take effect from the same hour. Paths begin with the book's name. */
export function overlaps(books: readonly PriceBook[]): PriceBookFault[] {
  return books.flatMap((book, index) => {
    const isTaken =
      book.supplements === "" &&
      books.slice(0, index).some((other) => other.effective_from === book.effective_from);
    return isTaken ? [priceBookFault(`${book.name}: effective_from`, "PRICE_BOOK_OVERLAP")] : [];
  });
}

/**
 * The book in force: the latest that takes effect at the hour or before, with all its supplements. Null where there is none.
 */
export function bookInForce<B extends PriceBook>(books: readonly B[], hour: Hour): B | null {
  const begun = books.filter((book) => book.effective_from <= hour);
  return begun.reduce<B | null>(
    (latest, book) => (latest === null || isAfter(book, latest) ? book : latest),
    null,
  );
}

/** A supplement has all cards of what it supplements, and more. */
function isAfter(book: PriceBook, other: PriceBook): boolean {
  if (book.effective_from !== other.effective_from) return book.effective_from > other.effective_from;
  return book.gpus.length > other.gpus.length;
}

/** Whether the book is `base` with more cards, and nothing else. */
export function isSupplementOf(book: PriceBook, base: PriceBook): boolean {
  const cards = new Set(base.gpus.map(gpuKey));
  const own = book.gpus.filter((gpu) => cards.has(gpuKey(gpu)));
  const { name, supplements } = base;
  const rest = canonicalPriceBook({ ...book, name, supplements, gpus: own });
  return rest === canonicalPriceBook(base) && book.gpus.length > base.gpus.length;
}

/** The price of a card, or null where the book does not have it. */
export function priceOf(book: PriceBook, gpu: { gpu_model: string; mig_profile: string }): GpuPrice | null {
  const { gpu_model, mig_profile } = gpu;
  return (
    book.gpus.find((entry) => entry.gpu_model === gpu_model && entry.mig_profile === mig_profile) ?? null
  );
}

/** The book as JSON in one way only: field order, decimals with 12 digits, defaults written out. What is hashed. */
export function canonicalPriceBook(book: PriceBook): string {
  return JSON.stringify({
    name: book.name,
    formula: book.formula,
    currency: book.currency,
    effective_from: formatHour(book.effective_from),
    ...(book.supplements === "" ? {} : { supplements: book.supplements }),
    operator_tenant_id: book.operator_tenant_id,
    phases: pick(PHASES, (phase) => book.phases[phase]),
    gpus: book.gpus.map((gpu) => ({
      gpu_model: gpu.gpu_model,
      ...(gpu.mig_profile === "" ? {} : { mig_profile: gpu.mig_profile }),
      rate_per_gpu_hour: formatDecimal(gpu.rate_per_gpu_hour),
      reference: {
        memory_bytes: Number(gpu.reference.memory_bytes),
        power_limit_mw: Number(gpu.reference.power_limit_mw),
        nvlink_bytes_per_s: Number(gpu.reference.nvlink_bytes_per_s),
      },
      weights: pick(WEIGHTS[book.formula], (name) => formatDecimal(gpu.weights[name])),
      generation: formatDecimal(gpu.generation),
    })),
    quality: {
      sharing: pick(SHARING_MODES, (mode) => formatDecimal(book.quality.sharing[mode])),
      outcome: pick(OUTCOMES, (outcome) => formatDecimal(book.quality.outcome[outcome])),
      ...(hasContention(book.formula)
        ? { contention: pick(BOUNDS, (bound) => formatDecimal(book.quality.contention[bound])) }
        : {}),
      interruption: formatDecimal(book.quality.interruption),
    },
    // Absent where there are none, so that books from before they existed keep their hash.
    ...(book.plans.length === 0 ? {} : { plans: plansDocument(book.plans) }),
    ...(book.prepaid.length === 0 ? {} : { prepaid: offersDocument(book.prepaid) }),
  });
}

function readFormula(read: PriceBookReader, value: unknown): Formula {
  const formula = FORMULAS.find((known) => known === value);
  if (formula === undefined && value !== undefined) read.fault("formula", "PRICE_BOOK_FORMULA_UNKNOWN");
  return formula ?? FORMULAS[0];
}

function readGpu(read: PriceBookReader, entry: unknown, path: string, formula: Formula): GpuPrice {
  const fields = read.object(entry, path, {
    gpu_model: "required",
    mig_profile: "optional",
    rate_per_gpu_hour: "required",
    reference: "required",
    weights: "required",
    generation: "optional",
  });
  const at = `${path}.reference`;
  const reference = read.part(fields["reference"], at, {
    memory_bytes: "required",
    power_limit_mw: "required",
    nvlink_bytes_per_s: "required",
  });
  return {
    gpu_model: read.text(fields["gpu_model"], `${path}.gpu_model`),
    mig_profile: read.text(fields["mig_profile"], `${path}.mig_profile`),
    rate_per_gpu_hour: read.amount(fields["rate_per_gpu_hour"], `${path}.rate_per_gpu_hour`),
    reference: {
      memory_bytes: read.count(reference["memory_bytes"], `${at}.memory_bytes`),
      power_limit_mw: read.count(reference["power_limit_mw"], `${at}.power_limit_mw`),
      nvlink_bytes_per_s: read.count(reference["nvlink_bytes_per_s"], `${at}.nvlink_bytes_per_s`),
    },
    weights: readWeights(read, fields["weights"], `${path}.weights`, WEIGHTS[formula]),
    generation: read.factor(fields["generation"], `${path}.generation`),
  };
}

function readWeights(
  read: PriceBookReader,
  value: unknown,
  path: string,
  names: (typeof WEIGHTS)[Formula],
): Weights {
  const before = read.faults.length;
  const fields = read.part(value, path, all(names, "required"));
  const weights = { ...NO_WEIGHTS, ...pick(names, (name) => read.amount(fields[name], `${path}.${name}`)) };
  const sum = names.reduce((total, name) => total + weights[name], 0n);
  // Weights that could not be read have their own faults already.
  if (value !== undefined && read.faults.length === before && sum !== ONE) {
    read.fault(path, "PRICE_BOOK_WEIGHTS_SUM");
  }
  return weights;
}

function readQuality(read: PriceBookReader, value: unknown, formula: Formula): Quality {
  const fields = read.part(value, "quality", {
    sharing: "optional",
    outcome: "optional",
    contention: "optional",
    interruption: "optional",
  });
  const sharing = read.part(fields["sharing"], "quality.sharing", all(SHARING_MODES, "optional"));
  const outcome = read.part(fields["outcome"], "quality.outcome", all(OUTCOMES, "optional"));
  if (fields["contention"] !== undefined && !hasContention(formula)) {
    read.fault("quality.contention", "PRICE_BOOK_CONTENTION");
  }
  const bounds = read.part(fields["contention"], "quality.contention", all(BOUNDS, "required"));
  const contention = {
    min: read.factor(bounds["min"], "quality.contention.min"),
    max: read.factor(bounds["max"], "quality.contention.max"),
  };
  if (contention.min > contention.max) read.fault("quality.contention.min", "PRICE_BOOK_MIN_ABOVE_MAX");
  return {
    sharing: pick(SHARING_MODES, (mode) => read.factor(sharing[mode], `quality.sharing.${mode}`)),
    outcome: pick(OUTCOMES, (name) => read.factor(outcome[name], `quality.outcome.${name}`)),
    contention,
    interruption: read.factor(fields["interruption"], "quality.interruption"),
  };
}

function readPhases(read: PriceBookReader, value: unknown): PriceBook["phases"] {
  const fields = read.part(value, "phases", all(PHASES, "required"));
  for (const phase of PHASES) {
    const payer = fields[phase];
    if (payer === undefined) continue;
    if (payer !== "tenant" && payer !== "operator") read.fault(`phases.${phase}`, "PRICE_BOOK_PAYER");
    else if (payer === "tenant" && isOperatorPhase(phase)) {
      read.fault(`phases.${phase}`, "PRICE_BOOK_COLD_START");
    }
  }
  return pick(PHASES, (phase): Payer => (fields[phase] === "tenant" ? "tenant" : "operator"));
}

function readCurrency(read: PriceBookReader, value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string" && /^[A-Z]{3}$/.test(value)) return value;
  read.fault("currency", "PRICE_BOOK_CURRENCY");
  return "";
}

function readEffectiveFrom(read: PriceBookReader, value: unknown): Hour {
  if (value === undefined) return 0;
  const hour = typeof value === "string" ? parseHour(value) : null;
  if (hour === null) read.fault("effective_from", "PRICE_BOOK_NOT_AN_HOUR");
  return hour ?? 0;
}

function gpuKey({ gpu_model, mig_profile }: { gpu_model: string; mig_profile: string }): string {
  return JSON.stringify([gpu_model, mig_profile]);
}

function all<Name extends string>(names: readonly Name[], need: "required" | "optional") {
  return Object.fromEntries(names.map((name) => [name, need]));
}

function pick<Name extends string, T>(names: readonly Name[], of: (name: Name) => T) {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as { readonly [name in Name]: T };
}
