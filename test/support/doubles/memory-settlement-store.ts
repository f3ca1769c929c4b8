import { StaleLeaderError } from "../../../services/adapters/clickhouse/leader.ts";
import type { Clock } from "../../../services/adapters/clock/clock.ts";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { bookOf } from "../../../services/billing/books/books.ts";
import type { PriceBook } from "../../../services/domain/books/price-book.ts";
import type { HourAudit } from "../../../services/domain/closing/audit.ts";
import { type Cut, covers } from "../../../services/domain/closing/cut.ts";
import type { HourClose } from "../../../services/domain/closing/revision.ts";
import type { Run } from "../../../services/domain/closing/tiling.ts";
import {
  compareText,
  USAGE_SUMS,
  type UsageRow,
  type UsageSums,
  usageKey,
  usageKeyText,
} from "../../../services/domain/closing/usage.ts";
import { type EventFindings, NO_FINDINGS } from "../../../services/domain/closing/verification.ts";
import type { Books, NewBook } from "../../../services/domain/ports/pricing.ts";
import type {
  DirtyHour,
  HourToRate,
  Lease,
  LeaseAnswer,
  SettlementStore,
} from "../../../services/domain/ports/settlement-store.ts";
import type { HourRating } from "../../../services/domain/rating/charges.ts";
import type { Charge } from "../../../services/domain/rating/rate.ts";
import type { Hour } from "../../../services/domain/time/hour.ts";
import { demoBook } from "../builders/price-books.ts";
import { addSums, type LoggedBatch, type LoggedEvent, sumsOf, windowKey } from "../stores/logged-batches.ts";

/** Settlement's store without a server. The contract suite holds it to the same answers as ClickHouse. */
export class MemorySettlementStore implements SettlementStore {
  readonly #clock: Clock;
  readonly #batches: LoggedBatch[] = [];
  readonly #closes: HourClose[] = [];
  readonly #usage = new Map<string, readonly UsageRow[]>();
  readonly #books: NewBook[];
  readonly #ratings: HourRating[] = [];
  readonly #charges = new Map<string, readonly Charge[]>();
  #lease = { epoch: 0n, owner: "", expires_at: 0 };

  /** The demo's price book is published unless others are named. */
  constructor(clock: Clock, priceBooks: readonly PriceBook[] = [demoBook()]) {
    this.#clock = clock;
    this.#books = priceBooks.map((book) => bookOf(book, "published", { hash: sha256 }));
  }

  append(batch: LoggedBatch): void {
    this.#batches.push(batch);
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
    if (lease.epoch !== this.#lease.epoch || lease.owner !== this.#lease.owner) {
      throw new StaleLeaderError("METERHOUSE_STALE_LEADER");
    }
    this.#lease = { ...lease, expires_at: this.#clock.nowMs() + ttlMs };
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.renewLease(lease, 0);
  }

  async positions(): Promise<Cut> {
    const cut = new Map<number, bigint>();
    for (const { partition, last } of this.#batches) {
      cut.set(partition, maxOf(cut.get(partition) ?? 0n, BigInt(last) + 1n));
    }
    return cut;
  }

  async openHours(cut: Cut): Promise<Hour[]> {
    const hours = this.#usedWindows()
      .filter(({ partition, last, hour }) => covers(cut, partition, last) && !this.#newest(hour))
      .map(({ hour }) => hour);
    return [...new Set(hours)].sort((left, right) => left - right);
  }

  async dirtyHours(cut: Cut): Promise<DirtyHour[]> {
    const late = new Map<Hour, { events: bigint; voids: bigint }>();
    const add = (hour: Hour, events: bigint, voids: bigint) => {
      const sofar = late.get(hour) ?? { events: 0n, voids: 0n };
      late.set(hour, { events: sofar.events + events, voids: sofar.voids + voids });
    };
    for (const { partition, last, hour, sums } of this.#usedWindows()) {
      const close = this.#newest(hour);
      if (close && covers(cut, partition, last) && !covers(close.cut, partition, last)) {
        add(hour, sums.events, 0n);
      }
    }
    for (const [id, { partition, offset }] of this.#firstVoids(cut)) {
      for (const event of this.#events().filter((candidate) => candidate.id === id)) {
        const close = this.#newest(event.hour);
        if (close && !covers(close.cut, partition, offset)) add(event.hour, 0n, 1n);
      }
    }
    return [...late]
      .map(([hour, { events, voids }]) => ({ hour, late_events: events, late_voids: voids }))
      .sort((left, right) => left.hour - right.hour);
  }

  async batchRuns(from: Cut, to: Cut): Promise<Run[]> {
    const inside = this.#batches
      .filter(({ partition, last }) => {
        const offset = BigInt(last);
        return covers(to, partition, offset) && !covers(from, partition, offset);
      })
      .sort((left, right) => left.partition - right.partition || left.first - right.first);
    const runs: Run[] = [];
    for (const { partition, first, last } of inside) {
      const before = runs.at(-1);
      const end_offset = BigInt(last) + 1n;
      if (before?.partition === partition && before.end_offset === BigInt(first)) {
        runs[runs.length - 1] = { ...before, end_offset };
      } else {
        runs.push({ partition, first_offset: BigInt(first), end_offset });
      }
    }
    return runs;
  }

  async hourAudit(hour: Hour, cut: Cut): Promise<HourAudit> {
    const events = this.#covered(hour, cut);
    const windows = this.#batches
      .filter(({ partition, last }) => covers(cut, partition, BigInt(last)))
      .flatMap((batch) => batch.windows.filter((window) => window.hour === hour));
    const ids = new Set(events.map(({ id }) => id));
    const voided = this.#firstVoids(cut);
    const keys = new Map<string, [UsageSums[], UsageSums[]]>();
    const side = (key: object) => {
      const text = JSON.stringify(key);
      const sides = keys.get(text) ?? [[], []];
      keys.set(text, sides);
      return sides;
    };
    for (const event of events) side(windowKey(event))[0].push(sumsOf(event));
    for (const window of windows) side(window.key)[1].push(window.sums);
    const differing = [...keys.values()].filter(([left, right]) => {
      const [a, b] = [addSums(left), addSums(right)];
      return USAGE_SUMS.some((name) => a[name] !== b[name]);
    });
    return {
      slices: BigInt(events.length),
      unique_ids: BigInt(ids.size),
      voided: BigInt([...ids].filter((id) => voided.has(id)).length),
      event_sums: addSums(events.map(sumsOf)),
      window_sums: addSums(windows.map(({ sums }) => sums)),
      differing_keys: BigInt(differing.length),
      duplicates: windows.reduce((sum, { duplicates }) => sum + duplicates, 0n),
      conflicts: 0n,
      rejected: 0n,
    };
  }

  async hourUsage(hour: Hour, cut: Cut, areIdsUnique: boolean): Promise<UsageRow[]> {
    const voided = this.#firstVoids(cut);
    let events = this.#covered(hour, cut).filter(({ id }) => !voided.has(id));
    if (!areIdsUnique) {
      const ordered = events.toSorted((a, b) => a.offset - b.offset || a.partition - b.partition);
      events = [...Map.groupBy(ordered, ({ id }) => id).values()].map(([first]) => first as LoggedEvent);
    }
    return [...Map.groupBy(events, usageKeyText).values()].map((own) => ({
      ...usageKey(own[0] as LoggedEvent),
      ...addSums(own.map(sumsOf)),
      apportionments: [...new Set(own.map(({ apportionment }) => apportionment))].toSorted(compareText),
    }));
  }

  async latestClose(): Promise<HourClose | null> {
    return this.#closes.at(-1) ?? null;
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

  async eventFindings(): Promise<EventFindings> {
    return NO_FINDINGS;
  }

  async writeUsage(close: HourClose, rows: readonly UsageRow[]): Promise<void> {
    this.#usage.set(close.attempt_id, rows);
  }

  async commitClose(close: HourClose, lease: Lease): Promise<void> {
    this.#guard(lease);
    if (close.sequence !== BigInt(this.#closes.length) + 1n) {
      throw new StaleLeaderError("METERHOUSE_SEQUENCE_TAKEN");
    }
    this.#closes.push(close);
  }

  async priceBooks(): Promise<readonly NewBook[]> {
    return this.#books.toSorted((left, right) => left.effective_from - right.effective_from);
  }

  /** As the pricing service does. */
  async publish(book: NewBook): ReturnType<Books["publish"]> {
    const { effective_from } = book;
    if (this.#books.some((other) => other.effective_from === effective_from)) return "overlaps";
    const isTooLate = this.#ratings.some(({ hour, unrated, price_book }) => {
      const by = this.#books.find(({ hash }) => hash === price_book);
      return unrated === 0n && hour >= effective_from && by && by.effective_from < effective_from;
    });
    if (isTooLate) return "too_late";
    this.#books.push(book);
    return "published";
  }

  async hoursToRate(): Promise<HourToRate[]> {
    const hours = [...new Set(this.#closes.map(({ hour }) => hour))].sort((left, right) => left - right);
    return hours.flatMap((hour) => {
      const { revision, attempt_id } = this.#newest(hour) as HourClose;
      const last = this.#newestRating(hour);
      const isCurrent = last?.revision === revision;
      if (isCurrent && last.unrated === 0n) return [];
      const { rating, price_book } = isCurrent ? last : { rating: 0, price_book: "" };
      return [{ hour, revision, attempt_id, rating, price_book }];
    });
  }

  async writeCharges(rating: HourRating, charges: readonly Charge[]): Promise<void> {
    this.#charges.set(rating.attempt_id, charges);
  }

  async commitRating(rating: HourRating, lease: Lease): Promise<void> {
    this.#guard(lease);
    const { hour, revision } = rating;
    const before = this.#ratings.filter((other) => other.hour === hour && other.revision === revision);
    if (rating.rating !== before.length + 1) throw new StaleLeaderError("METERHOUSE_SEQUENCE_TAKEN");
    this.#ratings.push(rating);
  }

  /** Current charges, for tests. */
  charges(): Charge[] {
    const hours = [...new Set(this.#ratings.map(({ hour }) => hour))];
    return hours.flatMap((hour) => [
      ...(this.#charges.get(this.#newestRating(hour)?.attempt_id ?? "") ?? []),
    ]);
  }

  #guard(lease: Lease): void {
    if (lease.epoch !== this.#lease.epoch || lease.owner !== this.#lease.owner) {
      throw new StaleLeaderError("METERHOUSE_STALE_LEADER");
    }
    if (this.#lease.expires_at < this.#clock.nowMs()) throw new StaleLeaderError("METERHOUSE_LEASE_OVER");
  }

  #newest(hour: Hour): HourClose | null {
    return this.#closes.findLast((close) => close.hour === hour) ?? null;
  }

  #newestRating(hour: Hour): HourRating | undefined {
    return this.#ratings.findLast((rating) => rating.hour === hour);
  }

  #events(): LoggedEvent[] {
    return this.#batches.flatMap(({ events }) => events);
  }

  #covered(hour: Hour, cut: Cut): LoggedEvent[] {
    return this.#events().filter((it) => it.hour === hour && covers(cut, it.partition, BigInt(it.offset)));
  }

  #usedWindows() {
    return this.#batches.flatMap(({ partition, last, windows }) =>
      windows
        .filter(({ sums }) => USAGE_SUMS.some((name) => sums[name] > 0n))
        .map(({ hour, sums }) => ({ partition, last: BigInt(last), hour, sums })),
    );
  }

  #firstVoids(cut: Cut): Map<string, { partition: number; offset: bigint }> {
    const first = new Map<string, { partition: number; offset: bigint }>();
    for (const { partition, voids } of this.#batches) {
      for (const { id, offset } of voids) {
        const known = first.get(id);
        if (!covers(cut, partition, BigInt(offset)) || (known && known.offset <= BigInt(offset))) continue;
        first.set(id, { partition, offset: BigInt(offset) });
      }
    }
    return first;
  }
}

function maxOf(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
