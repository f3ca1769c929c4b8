import { type Generation, requireSameLog, type TopicIdentity } from "../domain/log/generations.ts";
import type { Clock } from "../domain/ports/clock.ts";

export interface TopicWatchParts {
  readonly found: () => Promise<TopicIdentity>;
  readonly clock: Pick<Clock, "sleep">;
  readonly everyMs: number;
  readonly fail: (error: unknown) => void;
}

/** Ends the process where the topic is made anew under its feet: kafkajs reads on by name and offset. */
export class TopicWatch {
  private readonly parts: TopicWatchParts;
  private readonly over = new AbortController();
  private generation: Generation | undefined;

  constructor(parts: TopicWatchParts) {
    this.parts = parts;
  }

  /** What the assignment of now reads. */
  expect(generation: Generation): Generation {
    this.generation = generation;
    return generation;
  }

  start(): void {
    this.run().catch((error: unknown) => {
      if (!this.over.signal.aborted) this.parts.fail(error);
    });
  }

  stop(): void {
    this.over.abort();
  }

  private async run(): Promise<void> {
    const { clock, everyMs, found } = this.parts;
    for (;;) {
      await clock.sleep(everyMs, this.over.signal);
      if (this.generation === undefined) continue;
      const now = await found();
      if (!this.over.signal.aborted) requireSameLog(this.generation, now);
    }
  }
}
