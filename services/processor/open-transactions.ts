import type { Metrics } from "../adapters/metrics/metrics.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";

export interface OpenTransactionsParts {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly log: Pick<Log, "warn" | "info">;
  readonly metrics: Pick<Metrics, "records_held_back">;
}

/** Brokers end a transaction that its producer left after a minute, unless it asked for longer. */
const STANDING_MS = 60_000;

interface Standing {
  readonly stable: number;
  readonly sinceMs: number;
  isSaid: boolean;
}

/** Tells of a transaction that somebody left open: nothing behind its first record can be read, in its partition. */
export class OpenTransactions {
  private readonly parts: OpenTransactionsParts;
  private readonly standing = new Map<number, Standing>();

  constructor(parts: OpenTransactionsParts) {
    this.parts = parts;
  }

  heard(partition: number, { end, stable }: { readonly end: number; readonly stable: number }): void {
    const { clock, log, metrics } = this.parts;
    metrics.records_held_back.set({ partition: String(partition) }, Math.max(0, end - stable));
    const known = this.standing.get(partition);
    if (stable >= end || known?.stable !== stable) {
      if (known?.isSaid === true) log.info({ partition }, "the transaction that held records back is over");
      this.standing.delete(partition);
      if (stable < end) this.standing.set(partition, { stable, sinceMs: clock.monotonicMs(), isSaid: false });
      return;
    }
    if (known.isSaid || clock.monotonicMs() - known.sinceMs < STANDING_MS) return;
    known.isSaid = true;
    log.warn(
      { partition, offset: stable, records: end - stable },
      "an open transaction holds records back and their hours open: find it with kafka-transactions.sh find-hanging, and abort it",
    );
  }
}
