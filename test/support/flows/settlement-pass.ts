// A pass of settlement over any store, an hour after the hours that the tests use are over.

import { randomUUID } from "node:crypto";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import type { SettlementStore } from "../../../services/domain/ports/settlement-store.ts";
import { hourEndMs, parseHour } from "../../../services/domain/time/hour.ts";
import type { PassRequest, PassResult, Settlement } from "../../../services/settlement/pass.ts";

import { runPass } from "../../../services/settlement/run-pass.ts";
import { ManualClock } from "../doubles/manual-clock.ts";

export const TEN = parseHour("2026-11-23T10:00:00Z") ?? 0;
export const ELEVEN = TEN + 3600;
export const GRACE_MS = 600_000;

/** Settlement an hour after eleven is over, with every record that was ever sent in the log. */
export function settlementOver(store: SettlementStore, changes: Partial<Settlement> = {}): Settlement {
  return {
    store,
    logTimes: { offsetsAt: async () => new Map() },
    clock: new ManualClock(hourEndMs(ELEVEN) + 3_600_000),
    log: createLog({ level: "silent", name: "test" }),
    metrics: createMetrics("settlement"),
    hash: sha256,
    newId: () => randomUUID(),
    owner: "settlement-1",
    graceMs: GRACE_MS,
    leaseMs: 60_000,
    unmeteredPercent: 5,
    ...changes,
  };
}

/** A pass that must have the lead. */
export async function pass(
  deps: Settlement,
  request?: PassRequest,
): Promise<Extract<PassResult, { kind: "settled" }>> {
  const result = await runPass(deps, request);
  if (result.kind !== "settled") throw new Error(`${result.owner} leads`);
  return result;
}
