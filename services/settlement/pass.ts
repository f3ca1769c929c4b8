// A pass of settlement: its dependencies, its request and its result.
import type { CloseSigner } from "../adapters/crypto/close-key.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import type { HourClose } from "../domain/closing/revision.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";
import type { LogTimes, SettlementStore } from "../domain/ports/settlement-store.ts";
import type { HourRating } from "../domain/rating/charges.ts";
import type { Hour } from "../domain/time/hour.ts";
import type { RevisionLimits } from "./steps/due-revisions.ts";

export interface Settlement {
  readonly store: SettlementStore;
  readonly logTimes: LogTimes;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly hash: (text: string) => string;
  readonly newId: () => string;
  /** Names this process in the lease. */
  readonly owner: string;
  readonly graceMs: number;
  readonly leaseMs: number;
  /** Unmetered time of a GPU in an hour is warned about above this part of it, in percent. */
  readonly unmeteredPercent: number;
  /** Signs closes; without it they are unsigned. */
  readonly signer?: CloseSigner;
  readonly signal?: AbortSignal;
}

export interface PassRequest {
  /** Hours after this one stay open. */
  readonly through?: Hour;
  /** Closes this closed hour anew; needs a reason. */
  readonly reviseHour?: Hour;
  /** Written into every revision of this pass, in place of the reason that settlement sees. */
  readonly reason?: string;
  /** Without them every hour that late events changed is revised. */
  readonly revisionLimits?: RevisionLimits;
}

export interface PassSummary {
  readonly kind: "settled";
  readonly closed: readonly HourClose[];
  readonly revised: readonly HourClose[];
  readonly waiting: readonly Hour[];
  /** Closed hours whose late events wait for a later pass. */
  readonly unrevised: readonly Hour[];
  readonly rated: readonly HourRating[];
  readonly unpriced: readonly Hour[];
}

export type PassResult =
  | { readonly kind: "not_leader"; readonly owner: string; readonly left_ms: number }
  | PassSummary;
