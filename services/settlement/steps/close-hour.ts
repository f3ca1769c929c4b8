import { failedChecks } from "../../domain/closing/audit.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import { CHAIN_START, chainText, contentText, type HourClose } from "../../domain/closing/revision.ts";
import type { TilingFault } from "../../domain/closing/tiling.ts";
import { TEXT_VERSION, type TextVersion } from "../../domain/closing/usage.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import { formatHour, type Hour } from "../../domain/time/hour.ts";
import type { Settlement } from "../pass.ts";

export interface CloseRequest {
  readonly hour: Hour;
  readonly cut: Cut;
  readonly reason: string;
  /** What is wrong with the batches up to the cut. */
  readonly tilingFaults: readonly TilingFault[];
}

export type CloseResult =
  | { readonly kind: "closed"; readonly close: HourClose }
  /** The usage is that of the last revision: nothing was written. */
  | { readonly kind: "unchanged"; readonly close: HourClose };

/**
 * Closes an hour under a cut: audits it, adds it up, and writes the next revision if the usage differs from the last one.
 * The rows come first and the close last; should the process end in between, the rows are in no view.
 */
export async function closeHour(deps: Settlement, lease: Lease, request: CloseRequest): Promise<CloseResult> {
  const { store, clock, hash } = deps;
  const { hour, cut, reason, tilingFaults } = request;
  const startedMs = clock.monotonicMs();
  const audit = await store.hourAudit(hour, cut);
  const failed_checks = failedChecks(audit, tilingFaults.length);
  const rows = await store.hourUsage(hour, cut, !failed_checks.includes("unique_ids"));
  const { unique_ids, voided } = audit;
  const contentHash = (version: TextVersion) =>
    hash(contentText({ hour, unique_ids, voided, rows }, version));

  const before = await store.hourClose(hour);
  if (before !== null && before.content_hash === contentHash(before.text_version)) {
    return { kind: "unchanged", close: before };
  }

  const link = await store.latestClose();
  const body = {
    ...audit,
    sequence: (link?.sequence ?? 0n) + 1n,
    hour,
    revision: (before?.revision ?? 0) + 1,
    attempt_id: deps.newId(),
    reason,
    cut,
    previous_hash: link?.chain_hash ?? CHAIN_START,
    content_hash: contentHash(TEXT_VERSION),
    failed_checks,
    closed_at: clock.nowMs(),
    epoch: lease.epoch,
    text_version: TEXT_VERSION,
  };
  const close: HourClose = { ...body, chain_hash: hash(chainText(body)) };
  await store.writeUsage(close, rows);
  // a rival who took over meanwhile is met here rather than as a lease that is over
  await store.renewLease(lease, deps.leaseMs);
  await store.commitClose(close, lease);
  report(deps, close, request, clock.monotonicMs() - startedMs);
  return { kind: "closed", close };
}

function report(
  { log, metrics }: Settlement,
  close: HourClose,
  { tilingFaults }: CloseRequest,
  tookMs: number,
): void {
  const { revision, reason, failed_checks, unique_ids, voided } = close;
  const about = { hour: formatHour(close.hour), revision, reason, events: unique_ids, voided };
  metrics.closes.inc({ result: failed_checks.length === 0 ? "balanced" : "unbalanced" });
  metrics.close_seconds.observe(tookMs / 1000);
  if (failed_checks.length === 0) {
    log.info(loggable(about), "hour closed");
    return;
  }
  for (const check of failed_checks) metrics.unbalanced_closes.inc({ check });
  const { slices, event_sums, window_sums } = close;
  log.error(
    loggable({ ...about, failed_checks, slices, event_sums, window_sums, tilingFaults }),
    "hour closed out of balance: billed from its unique events; find out why before its invoice is issued",
  );
}

/** JSON has no bigint. */
function loggable(fields: object): object {
  return JSON.parse(
    JSON.stringify(fields, (_key, value) => (typeof value === "bigint" ? String(value) : value)),
  );
}
