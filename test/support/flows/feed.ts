// A stream of records for tests that disturb something while it flows: copies, conflicts, broken and late ones in it.
import { setTimeout as pause } from "node:timers/promises";
import { encodeEvent, makeEvent } from "../builders/events.ts";
import type { Flow } from "./flow.ts";

const BATCH = 40;
const PAUSE_MS = 10;
/** Every so many records one is a copy, one is a conflict, one is broken, and one is late. */
const COPY_EVERY = 7;
const CONFLICT_EVERY = 61;
const BROKEN_EVERY = 53;
const LATE_EVERY = 97;
const HOUR_MS = 3_600_000;

/** Records that flow until `end`. */
export class Feed {
  /** How many have been sent. */
  sent = 0;
  private readonly flow: Flow;
  private readonly pauseMs: number;
  private readonly startMs = Date.now() - 60_000;
  private isOver = false;
  private readonly running: Promise<void>;

  /** @param pauseMs between two batches of 40 records */
  constructor(flow: Flow, { pauseMs = PAUSE_MS } = {}) {
    this.flow = flow;
    this.pauseMs = pauseMs;
    this.running = this.run();
    this.running.catch(() => undefined);
  }

  /** Resolves once all that was sent is in Kafka, with how many they are. */
  async end(): Promise<number> {
    this.isOver = true;
    await this.running;
    return this.sent;
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      await this.flow.send(Array.from({ length: BATCH }, (_, i) => this.record(this.sent + i)));
      this.sent += BATCH;
      await pause(this.pauseMs);
    }
  }

  private record(i: number) {
    if (i % BROKEN_EVERY === 1) return { key: null, value: Buffer.from(`broken ${i}`) };
    if (i % COPY_EVERY === 2) return this.event(Math.floor(i / 2));
    if (i % CONFLICT_EVERY === 3) return this.event(Math.floor(i / 3), { tokens_out: 1 });
    return this.event(i);
  }

  private event(i: number, fields: Record<string, unknown> = {}) {
    const endedAtMs = this.startMs - (i % 5_000) - (i % LATE_EVERY === 4 ? 30 * HOUR_MS : 0);
    return encodeEvent(makeEvent(endedAtMs, `e-${i}`, { tenant_id: `tenant-${i % 5}`, ...fields }));
  }
}
