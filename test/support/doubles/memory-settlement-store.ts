// Settlement's store without a server: a log of batches, and what settlement made of it.

import { StaleLeaderError } from "../../../services/adapters/clickhouse/leader.ts";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { bookOf } from "../../../services/billing/books/books.ts";
import type { PriceBook } from "../../../services/domain/books/price-book.ts";
import { isSupplement } from "../../../services/domain/books/supplement.ts";
import type { GpuHourAccount } from "../../../services/domain/closing/account.ts";
import type { HourAudit } from "../../../services/domain/closing/audit.ts";
import { type Cut, covers } from "../../../services/domain/closing/cut.ts";
import { type HourClose, NO_ROWS, type RowSum } from "../../../services/domain/closing/revision.ts";
import type { Run } from "../../../services/domain/closing/tiling.ts";
import { USAGE_SUMS, type UsageRow } from "../../../services/domain/closing/usage.ts";
import { type EventFindings, NO_FINDINGS } from "../../../services/domain/closing/verification.ts";
import type { Clock } from "../../../services/domain/ports/clock.ts";
import type { BetweenCuts, Cuts, Link } from "../../../services/domain/ports/closed-hours.ts";
import type { Lease, LeaseAnswer } from "../../../services/domain/ports/leases.ts";
import type { NewPriceBook, PriceBooks } from "../../../services/domain/ports/price-books.ts";
import type {
  ClosedUsage,
  DirtyHour,
  HourToRate,
  OpenHour,
  RatedUsage,
  SettlementStore,
} from "../../../services/domain/ports/settlement-store.ts";
import type { HourRating } from "../../../services/domain/rating/charges.ts";
import type { Charge } from "../../../services/domain/rating/rate.ts";
import type { Hour } from "../../../services/domain/time/hour.ts";
import { demoBook } from "../builders/price-books.ts";
import type { LoggedBatch, LoggedEvent, LoggedWindow } from "../stores/logged-batches.ts";
import { auditOf, firstCopies, joinRuns, usageOf } from "./hour-sums.ts";

/** Where a row was read; a cut covers it or not. */
interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

type PlacedWindow = LoggedWindow & Place;

/** The contract suite holds it to the same answers as ClickHouse. */
export class MemorySettlementStore implements SettlementStore {
  readonly #clock: Clock;
  readonly #runs: (Run & Place)[] = [];
  readonly #events: { readonly event: LoggedEvent; readonly partition: number; readonly offset: bigint }[] =
    [];
  readonly #windows: PlacedWindow[] = [];
  readonly #voids: (Place & { readonly id: string })[] = [];
  readonly #closes: HourClose[] = [];
  readonly #usage = new Map<string, readonly UsageRow[]>();
  readonly #books: NewPriceBook[];
  readonly #ratings: HourRating[] = [];
  readonly #charges = new Map<string, readonly Charge[]>();
  readonly #gpus = new Map<Hour, readonly GpuHourAccount[]>();
  #lease = { epoch: 0n, owner: "", expires_at: 0 };

  /** The demo's price book is published unless others are named. */
  constructor(clock: Clock, priceBooks: readonly PriceBook[] = [demoBook()]) {
    this.#clock = clock;
    this.#books = priceBooks.map((book) => bookOf(book, "published", { hash: sha256 }));
  }

  append({ partition, first, last, events, windows, voids }: LoggedBatch): void {
    const [first_offset, offset] = [BigInt(first), BigInt(last)];
    this.#runs.push({ partition, first_offset, end_offset: offset + 1n, offset });
    this.#events.push(...events.map((event) => ({ event, partition, offset: BigInt(event.offset) })));
    this.#windows.push(...windows.map((window) => ({ ...window, partition, offset })));
    this.#voids.push(...voids.map((it) => ({ id: it.id, partition, offset: BigInt(it.offset) })));
  }

  async takeLease(owner: string, ttlMs: number): Promise<LeaseAnswer> {
    const left_ms = this.#lease.expires_at - this.#clock.nowMs();
    if (this.#lease.owner !== owner && left_ms > 0) {
      return { kind: "taken", owner: this.#lease.owner, left_ms };
    }
    const lease = { epoch: this.#lease.epoch + 1n, owner };
    this.#lease = { ...lease, expires_at: this.#clock.nowMs() + ttlMs };
    return { kind: "held", lease };
  }

  async renewLease(lease: Lease, ttlMs: number): Promise<void> {
    this.#requireLead(lease);
    this.#lease = { ...lease, expires_at: this.#clock.nowMs() + ttlMs };
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.renewLease(lease, 0);
  }

  async positions(): Promise<Cut> {
    const ends = this.#runs.toSorted((left, right) => Number(left.offset - right.offset));
    return new Map(ends.map(({ partition, end_offset }) => [partition, end_offset]));
  }

  async openHours(cut: Cut): Promise<OpenHour[]> {
    const windows = under(cut, this.#usedWindows());
    return ascending(windows.map(({ hour }) => hour))
      .filter((hour) => this.#newest(hour) === null)
      .map((hour) => {
        const own = windows.filter((window) => window.hour === hour);
        return { hour, events: own.reduce((sum, { sums }) => sum + sums.events, 0n) };
      });
  }

  async dirtyHours(cut: Cut): Promise<DirtyHour[]> {
    const voids = this.#firstVoids(cut);
    const late = [
      ...under(cut, this.#usedWindows()).map((it) => ({ ...it, late_events: 0n, late_voids: 0n })),
      ...under(cut, this.#events).map(({ event: { hour }, partition, offset }) => {
        return { hour, partition, offset, late_events: 1n, late_voids: 0n };
      }),
      ...this.#events.flatMap(({ event: { id, hour } }) => {
        const first = voids.get(id);
        return first === undefined ? [] : [{ ...first, hour, late_events: 0n, late_voids: 1n }];
      }),
    ].filter(({ hour, partition, offset }) => {
      const close = this.#newest(hour);
      return close !== null && !covers(close.cut, partition, offset);
    });
    return ascending(late.map(({ hour }) => hour)).map((hour) => {
      const own = late.filter((it) => it.hour === hour);
      const sum = (name: "late_events" | "late_voids") => own.reduce((total, it) => total + it[name], 0n);
      const closed_at = this.#newest(hour)?.closed_at ?? 0;
      return { hour, late_events: sum("late_events"), late_voids: sum("late_voids"), closed_at };
    });
  }

  async batchRuns(from: Cut, to: Cut): Promise<Run[]> {
    const between = under(to, this.#runs).filter(({ partition, offset }) => !covers(from, partition, offset));
    return joinRuns(between);
  }

  async hourAudit(hour: Hour, cut: Cut): Promise<HourAudit> {
    const windows = under(cut, this.#windows).filter((window) => window.hour === hour);
    return auditOf(this.#covered(hour, cut), windows, this.#firstVoids(cut));
  }

  async hourAudits(cuts: Cuts): Promise<Map<Hour, HourAudit>> {
    const audits = [...cuts].map(async ([hour, cut]) => [hour, await this.hourAudit(hour, cut)] as const);
    return new Map(await Promise.all(audits));
  }

  async hourUsages(cuts: Cuts, areIdsUnique: boolean): Promise<Map<Hour, UsageRow[]>> {
    const usages = [...cuts].map(
      async ([hour, cut]) => [hour, await this.hourUsage(hour, cut, areIdsUnique)] as const,
    );
    return new Map(await Promise.all(usages));
  }

  /** Its log has no columns that could be changed. */
  async logHashes(): Promise<Map<Hour, RowSum>> {
    return new Map();
  }

  async logHashesBetween(links: readonly Link[]): Promise<BetweenCuts[]> {
    return links.map(() => ({ ...NO_ROWS, unbalanced: 0 }));
  }

  async hourUsage(hour: Hour, cut: Cut, areIdsUnique: boolean): Promise<UsageRow[]> {
    const voided = this.#firstVoids(cut);
    const events = this.#covered(hour, cut).filter(({ id }) => !voided.has(id));
    return usageOf(areIdsUnique ? events : firstCopies(events));
  }

  async latestClose(): Promise<HourClose | null> {
    return this.#closes.at(-1) ?? null;
  }

  /** What the GPUs of an hour are to have done. */
  watched(hour: Hour, gpus: readonly GpuHourAccount[]): void {
    this.#gpus.set(hour, gpus);
  }

  async gpuHours(hours: readonly Hour[]): Promise<ReadonlyMap<Hour, readonly GpuHourAccount[]>> {
    return new Map([...this.#gpus].filter(([hour]) => hours.includes(hour)));
  }

  async logFloor(): Promise<Hour> {
    return 0;
  }

  async hourClose(hour: Hour, revision = 0): Promise<HourClose | null> {
    if (revision === 0) return this.#newest(hour);
    return this.#closes.find((close) => close.hour === hour && close.revision === revision) ?? null;
  }

  async usageOf({ attempt_id }: { attempt_id: string }): Promise<readonly UsageRow[]> {
    return this.#usage.get(attempt_id) ?? [];
  }

  async usagesOf(
    closes: readonly { readonly attempt_id: string }[],
  ): Promise<Map<string, readonly UsageRow[]>> {
    return new Map(closes.map(({ attempt_id }) => [attempt_id, this.#usage.get(attempt_id) ?? []]));
  }

  async eventFindings(): Promise<EventFindings> {
    return NO_FINDINGS;
  }

  async writeUsage(closes: readonly ClosedUsage[]): Promise<void> {
    for (const { close, rows } of closes) this.#usage.set(close.attempt_id, rows);
  }

  async commitCloses(closes: readonly HourClose[], lease: Lease): Promise<void> {
    this.#guard(lease);
    for (const close of closes) this.#commitClose(close);
  }

  #commitClose(close: HourClose): void {
    if (close.sequence !== BigInt(this.#closes.length) + 1n) {
      throw new StaleLeaderError("METERHOUSE_SEQUENCE_TAKEN");
    }
    if (close.revision !== (this.#newest(close.hour)?.revision ?? 0) + 1) {
      throw new StaleLeaderError("METERHOUSE_REVISION_TAKEN");
    }
    this.#closes.push(close);
  }

  async priceBooks(): Promise<readonly NewPriceBook[]> {
    return this.#books.toSorted((left, right) => left.effective_from - right.effective_from);
  }

  /** As the pricing service does. */
  async publish(book: NewPriceBook): ReturnType<PriceBooks["publish"]> {
    const { effective_from, supplements } = book;
    if (supplements !== "") {
      if (!isSupplement(book, this.#books)) return "no_supplement";
    } else if (this.#books.some((other) => other.effective_from === effective_from)) return "overlaps";
    const isTooLate = this.#ratings.some(({ hour, unrated, price_book }) => {
      const by = this.#books.find(({ hash }) => hash === price_book);
      return unrated === 0n && hour >= effective_from && by && by.effective_from < effective_from;
    });
    if (isTooLate) return "too_late";
    this.#books.push(book);
    return "published";
  }

  async hoursToRate(): Promise<HourToRate[]> {
    return ascending(this.#closes.map(({ hour }) => hour)).flatMap((hour) => {
      const { revision, attempt_id, unique_ids: events } = this.#newest(hour) as HourClose;
      const last = this.#newestRating(hour);
      const isCurrent = last?.revision === revision;
      if (isCurrent && last.unrated === 0n) return [];
      const { rating, price_book } = isCurrent ? last : { rating: 0, price_book: "" };
      return [{ hour, revision, attempt_id, rating, price_book, events }];
    });
  }

  async writeCharges(ratings: readonly RatedUsage[]): Promise<void> {
    for (const { rating, charges } of ratings) this.#charges.set(rating.attempt_id, charges);
  }

  async commitRatings(ratings: readonly HourRating[], lease: Lease): Promise<void> {
    this.#guard(lease);
    for (const rating of ratings) this.#commitRating(rating);
  }

  #commitRating(rating: HourRating): void {
    const { hour, revision } = rating;
    const before = this.#ratings.filter((other) => other.hour === hour && other.revision === revision);
    if (rating.rating !== before.length + 1) throw new StaleLeaderError("METERHOUSE_SEQUENCE_TAKEN");
    this.#ratings.push(rating);
  }

  /** Current charges, for tests. */
  charges(): Charge[] {
    return ascending(this.#ratings.map(({ hour }) => hour)).flatMap((hour) => [
      ...(this.#charges.get(this.#newestRating(hour)?.attempt_id ?? "") ?? []),
    ]);
  }

  #requireLead({ epoch, owner }: Lease): void {
    if (epoch !== this.#lease.epoch || owner !== this.#lease.owner) {
      throw new StaleLeaderError("METERHOUSE_STALE_LEADER");
    }
  }

  #guard(lease: Lease): void {
    this.#requireLead(lease);
    if (this.#lease.expires_at < this.#clock.nowMs()) throw new StaleLeaderError("METERHOUSE_LEASE_OVER");
  }

  #newest(hour: Hour): HourClose | null {
    return this.#closes.findLast((close) => close.hour === hour) ?? null;
  }

  #newestRating(hour: Hour): HourRating | undefined {
    return this.#ratings.findLast((rating) => rating.hour === hour);
  }

  #covered(hour: Hour, cut: Cut): LoggedEvent[] {
    return under(cut, this.#events)
      .map(({ event }) => event)
      .filter((event) => event.hour === hour);
  }

  #usedWindows(): PlacedWindow[] {
    return this.#windows.filter(({ sums }) => USAGE_SUMS.some((name) => sums[name] > 0n));
  }

  /** Of each voided event the first void, by offset. */
  #firstVoids(cut: Cut): Map<string, Place> {
    const lastToFirst = under(cut, this.#voids).toSorted((left, right) => Number(right.offset - left.offset));
    return new Map(lastToFirst.map(({ id, partition, offset }) => [id, { partition, offset }]));
  }
}

function under<Row extends Place>(cut: Cut, rows: readonly Row[]): Row[] {
  return rows.filter(({ partition, offset }) => covers(cut, partition, offset));
}

function ascending(hours: readonly Hour[]): Hour[] {
  return [...new Set(hours)].toSorted((left, right) => left - right);
}
