import type { LogBounds } from "../adapters/kafka/admin.ts";
import type { TopicSettings } from "../adapters/kafka/topic-settings.ts";
import type { TopicIdentity } from "../domain/log/generations.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { LogGenerations } from "../domain/ports/log-generations.ts";
import type { UsageLog } from "../domain/ports/usage-log.ts";

/** What the `topic` commands work with. */
export interface TopicParts {
  readonly topic: string;
  readonly identity: () => Promise<TopicIdentity>;
  readonly bounds: () => Promise<ReadonlyMap<number, LogBounds>>;
  readonly settings: () => Promise<TopicSettings>;
  readonly generations: LogGenerations;
  readonly usageLog: UsageLog;
  readonly clock: Clock;
  /** Who asks, for the row that is kept. */
  readonly who: string;
}
