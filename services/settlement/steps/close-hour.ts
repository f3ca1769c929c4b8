import { ClickHouseFailure } from "../../adapters/clickhouse/failure.ts";
import { failedChecks, readFault } from "../../domain/closing/audit.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import {
  CHAIN_START,
  chainText,
  contentText,
  type HourClose,
  linkText,
  logHash,
  NO_ROWS,
} from "../../domain/closing/revision.ts";
import { type TilingFault, tilingFaults } from "../../domain/closing/tiling.ts";
import { TEXT_VERSION, type TextVersion } from "../../domain/closing/usage.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { ClosedUsage } from "../../domain/ports/settlement-store.ts";
import { formatHour, type Hour } from "../../domain/time/hour.ts";
import type { Settlement } from "../pass.ts";
import { auditedUsage, type ReadHour } from "./read-hours.ts";

export interface HourToClose {
  readonly hour: Hour;
  readonly reason: string;
  /** Its newest revision. */
  readonly before: HourClose | null;
}

/** What a new close is chained to, and what is new in the log since. */
interface Since {
  readonly link: HourClose | null;
  readonly faults: readonly TilingFault[];
  /** Of the first close only: batches, voids and rejects are in one close. */
  readonly between: typeof NO_ROWS;
  /** Rows of hours up to this one may have been dropped. */
  readonly floor: Hour;
}

/**
/**
 * Closes hours under one cut: audits them, adds them up, and writes the next revision of each unless its usage is that of the
 * last one. What was read must be what was audited. The rows come first and the closes last, all or none; should the process end
 * in between, the rows are in no view. Answers what was written.
 */
export async function closeTogether(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  hours: readonly HourToClose[],
): Promise<HourClose[]> {
  const { store, clock } = deps;
  const startedMs = clock.monotonicMs();
  const link = await store.latestClose();
  const from = link?.cut ?? new Map();
  const faults = tilingFaults(await store.batchRuns(from, cut), from, cut);
  const [between = NO_ROWS] = await store.logHashesBetween([{ from, cut }]);
  const read = await auditedUsage(store, cut, hours);
  const floor = await store.logFloor();
  const written = linked(deps, lease, cut, hours, read, { link, faults, between, floor });
  if (written.length === 0) return [];
  await store.writeUsage(written);
  const closes = written.map(({ close }) => close);
  // a rival who took over meanwhile is met here rather than as a lease that is over
  await store.renewLease(lease, deps.leaseMs);
  await store.commitCloses(closes, lease);
  const tookMs = (clock.monotonicMs() - startedMs) / closes.length;
  closes.forEach((close, index) => {
    report(deps, close, index === 0 ? faults : [], tookMs);
  });
  return closes;
}

/** The next links of the chain, in the order of the hours; hours whose usage is that of their last revision get none. */
function linked(
  deps: Settlement,
  lease: Lease,
  cut: Cut,
  hours: readonly HourToClose[],
  read: ReadonlyMap<Hour, ReadHour>,
  { link, faults, between, floor }: Since,
): ClosedUsage[] {
  const written: ClosedUsage[] = [];
  for (const { hour, reason, before } of hours) {
    const { audit, rows, log } = read.get(hour) as ReadHour;
    // of an hour whose rows were dropped something is missing: the commit refuses it
    if (hour > floor) requireRead(hour, readFault(audit, rows, before?.slices ?? 0n));
    const content = { hour, unique_ids: audit.unique_ids, voided: audit.voided, rows };
    const contentHash = (version: TextVersion) => deps.hash(contentText(content, version));
    if (before !== null && before.content_hash === contentHash(before.text_version)) continue;
    const last = written.at(-1)?.close ?? link;
    const isFirst = written.length === 0;
    const body = {
      ...audit,
      sequence: (last?.sequence ?? 0n) + 1n,
      hour,
      revision: (before?.revision ?? 0) + 1,
      attempt_id: deps.newId(),
      reason,
      cut,
      previous_hash: last?.chain_hash ?? CHAIN_START,
      content_hash: contentHash(TEXT_VERSION),
      failed_checks: failedChecks(audit, isFirst ? faults.length : 0),
      closed_at: deps.clock.nowMs(),
      epoch: lease.epoch,
      text_version: TEXT_VERSION,
      log_hash: logHash(log, isFirst ? between : NO_ROWS),
    };
    written.push({ close: signed(deps, { ...body, chain_hash: deps.hash(chainText(body)) }), rows });
  }
  return written;
}

function requireRead(hour: Hour, fault: string | null): void {
  if (fault === null) return;
  const message = `the usage of ${formatHour(hour)} is not what was audited: ${fault}; the hour is not closed`;
  throw new ClickHouseFailure("retriable", "INCOMPLETE", message);
}

function signed(
  { signer }: Settlement,
  link: Omit<HourClose, "key_id" | "public_key" | "signature">,
): HourClose {
  const { key_id = "", public_key = "" } = signer ?? {};
  const close = { ...link, key_id, public_key, signature: "" };
  return { ...close, signature: signer?.sign(linkText(close)) ?? "" };
}

function report(
  { log, metrics }: Settlement,
  close: HourClose,
  faults: readonly TilingFault[],
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
    loggable({ ...about, failed_checks, slices, event_sums, window_sums, tilingFaults: faults }),
    "hour closed out of balance: billed from its unique events; find out why before its invoice is issued",
  );
}

/** JSON has no bigint. */
function loggable(fields: object): object {
  return JSON.parse(
    JSON.stringify(fields, (_key, value) => (typeof value === "bigint" ? String(value) : value)),
  );
}
