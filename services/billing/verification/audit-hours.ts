import { failedChecks, type HourAudit } from "../../domain/closing/audit.ts";
import {
  type ChainRules,
  chainFaults,
  faultOf,
  type ProofFault,
  type StoredClose,
} from "../../domain/closing/chain.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import { logHash, NO_ROWS } from "../../domain/closing/revision.ts";
import { tilingFaults } from "../../domain/closing/tiling.ts";
import { together } from "../../domain/closing/together.ts";
import { isKnownVersion, USAGE_SUMS, type UsageRow } from "../../domain/closing/usage.ts";
import { verifyClose, verifyRevision } from "../../domain/closing/verification.ts";
import type { ProofStore } from "../../domain/ports/proof-store.ts";
import { formatHour, type Hour } from "../../domain/time/hour.ts";
import { auditRatings } from "./audit-ratings.ts";

/**
 * chain: the links alone. rows: also the rows that closes and ratings keep. events: also the log added up again. records: also
 * every column of every record, by the close's hash of the log and by the hash that each record came with.
 */
export const AUDIT_DEPTHS = ["chain", "rows", "events", "records"] as const;
export type AuditDepth = (typeof AUDIT_DEPTHS)[number];

export interface AuditRequest {
  /** Both included. */
  readonly from: Hour;
  readonly to: Hour;
  readonly depth: AuditDepth;
}

export interface AuditReport {
  /** Closed hours that were looked at. */
  readonly hours: number;
  /** Links of the chain, and how many of them nobody signed. */
  readonly links: number;
  readonly unsigned: number;
  /** Hours whose rows of the log were exported and dropped: they are checked without the log. */
  readonly dropped: number;
  /** Closes that made no hash of the log's rows. */
  readonly without_log_hash: number;
  readonly key_ids: readonly string[];
  /** In the order of hours: the first is the first bad hour. */
  readonly faults: readonly ProofFault[];
}

export interface Auditor extends ChainRules {
  readonly store: ProofStore;
  /** Told now and then. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Checks closed hours against everything that they were made of. The chain is walked whole, whatever hours are named. */
export async function auditHours(auditor: Auditor, request: AuditRequest): Promise<AuditReport> {
  const { store } = auditor;
  const { from, to, depth } = request;
  const closes = await store.closes();
  const faults = chainFaults(closes, auditor);
  for (const { hour, revision } of await store.ratingsWithoutClose()) {
    faults.push(faultOf({ hour, revision }, "sequence", "has charges, but its close is gone"));
  }
  const newest = new Map(closes.map((close) => [close.hour, close]));
  const range = [...newest.values()].filter(
    ({ hour, text_version }) => hour >= from && hour <= to && isKnownVersion(text_version),
  );
  const hours = depth === "chain" ? [] : range.toSorted((left, right) => left.hour - right.hour);
  const floor = await store.logFloor();
  if (depth === "events" || depth === "records") faults.push(...(await tiling(store, closes)));
  let done = 0;
  for (const group of together(hours, ({ slices }) => slices)) {
    faults.push(...(await auditGroup(auditor, { closes, group, floor, depth })));
    done += group.length;
    auditor.onProgress?.(done, hours.length);
  }
  return {
    hours: hours.length,
    links: closes.length,
    unsigned: closes.filter(({ signature }) => signature === "").length,
    dropped: hours.filter(({ hour }) => hour <= floor).length,
    without_log_hash: hours.filter(({ log_hash }) => log_hash === "").length,
    key_ids: [...new Set(closes.map(({ key_id }) => key_id))].filter((id) => id !== "").toSorted(),
    faults: faults.toSorted((left, right) => left.hour - right.hour || left.revision - right.revision),
  };
}

interface Group {
  readonly closes: readonly StoredClose[];
  readonly group: readonly StoredClose[];
  readonly floor: Hour;
  readonly depth: AuditDepth;
}

async function auditGroup(auditor: Auditor, { closes, group, floor, depth }: Group): Promise<ProofFault[]> {
  const { store, hash } = auditor;
  const rows = await store.usagesOf(group);
  const logged = group.filter(({ hour }) => hour > floor);
  const faults = group.flatMap((close) => {
    const { rows_match } = verifyClose(close, rows.get(close.attempt_id) ?? [], hash);
    const own = rows_match ? [] : [faultOf(close, "rows", "its usage rows do not have its content_hash")];
    const isBalanced = close.failed_checks.length === 0;
    return isBalanced
      ? own
      : [...own, faultOf(close, "balance", `closed out of balance: ${close.failed_checks}`)];
  });
  faults.push(...(await auditRatings(auditor, closes, group)));
  if (depth === "rows" || logged.length === 0) return faults;
  faults.push(...(await auditEvents(auditor, logged, rows)));
  if (depth === "records") faults.push(...(await auditRecords(auditor, closes, logged)));
  return faults;
}

/** Adds the hours up again from events and windows. */
async function auditEvents(
  { store, hash }: Auditor,
  group: readonly StoredClose[],
  rows: ReadonlyMap<string, readonly UsageRow[]>,
): Promise<ProofFault[]> {
  const audits = await store.hourAudits(new Map(group.map(({ hour, cut }) => [hour, cut])));
  const usages = new Map<Hour, readonly UsageRow[]>();
  for (const areIdsUnique of [true, false]) {
    const own = group.filter(({ failed_checks }) => failed_checks.includes("unique_ids") !== areIdsUnique);
    if (own.length === 0) continue;
    const cuts = new Map(own.map(({ hour, cut }) => [hour, cut]));
    for (const [hour, usage] of await store.hourUsages(cuts, areIdsUnique)) usages.set(hour, usage);
  }
  return group.flatMap((close) => {
    const audit = audits.get(close.hour);
    const from_events = usages.get(close.hour) ?? [];
    const from_rows = rows.get(close.attempt_id) ?? [];
    const recomputed = { audit: audit ?? { unique_ids: 0n, voided: 0n }, from_events, from_rows };
    const verified = verifyRevision(close, recomputed, hash);
    const own: ProofFault[] = [];
    if (!verified.events_match) {
      const keys = verified.keys.map((key) => `${key.tenant_id} ${key.model}`).join(", ");
      own.push(
        faultOf(close, "events", `its events no longer add up to it${keys === "" ? "" : `: ${keys}`}`),
      );
    }
    const figures = audit === undefined ? ["slices"] : differingFigures(close, audit);
    if (figures.length > 0) {
      own.push(faultOf(close, "double_entry", `the log comes to other figures: ${figures.join(", ")}`));
    }
    return own;
  });
}

const COUNTS = [
  "slices",
  "unique_ids",
  "voided",
  "differing_keys",
  "duplicates",
  "conflicts",
  "rejected",
] as const;

/** Figures of a close that its log no longer comes to. */
function differingFigures(close: StoredClose, audit: HourAudit): string[] {
  const counts = COUNTS.filter((name) => close[name] !== audit[name]);
  const sums = USAGE_SUMS.flatMap((name) => [
    ...(close.event_sums[name] === audit.event_sums[name] ? [] : [`events' ${name}`]),
    ...(close.window_sums[name] === audit.window_sums[name] ? [] : [`windows' ${name}`]),
  ]);
  const isSame = (check: "unique_ids" | "windows") =>
    close.failed_checks.includes(check) === failedChecks(audit, 0).includes(check);
  const checks = isSame("unique_ids") && isSame("windows") ? [] : ["failed_checks"];
  return [...counts, ...sums, ...checks];
}

/** Every column of every row, and every record by the hash that it came with. */
async function auditRecords(
  { store }: Auditor,
  closes: readonly StoredClose[],
  group: readonly StoredClose[],
): Promise<ProofFault[]> {
  const cutBefore = new Map<bigint, Cut>(closes.map(({ sequence, cut }) => [sequence + 1n, cut]));
  const links = group.map(({ sequence, cut }) => ({ from: cutBefore.get(sequence) ?? new Map(), cut }));
  const between = await store.logHashesBetween(links);
  const logs = await store.logHashes(new Map(group.map(({ hour, cut }) => [hour, cut])));
  const faults: ProofFault[] = [];
  for (const [index, close] of group.entries()) {
    const { unbalanced = 0, ...since } = between[index] ?? NO_ROWS_BETWEEN;
    const found = logHash(logs.get(close.hour) ?? NO_ROWS, since);
    if (close.log_hash !== "" && close.log_hash !== found) {
      faults.push(faultOf(close, "log", "rows of the log are not what they were when it closed"));
    }
    if (unbalanced > 0) {
      faults.push(
        faultOf(close, "conservation", `${unbalanced} batches have records that are none of the four`),
      );
    }
    const { events, more_events, batches, more_batches } = await store.eventFindings(close, "all");
    for (const { event_id, finding, tenant_id } of events) {
      faults.push(faultOf(close, "records", `event ${event_id} of ${tenant_id} is ${finding}`));
    }
    for (const { kafka_partition, first_offset, counted, found: there } of batches) {
      const place = `partition ${kafka_partition}, offset ${first_offset}`;
      faults.push(
        faultOf(close, "records", `the batch from ${place} counted ${counted}, ${there} are there`),
      );
    }
    const more = more_events + more_batches;
    if (more > 0) faults.push(faultOf(close, "records", `and ${more} more`));
  }
  return faults;
}
const NO_ROWS_BETWEEN = { ...NO_ROWS, unbalanced: 0 };

/** Gaps and overlaps of batches up to the newest close, each under the first close that covers it. */
async function tiling(store: ProofStore, closes: readonly StoredClose[]): Promise<ProofFault[]> {
  const last = closes.at(-1);
  if (last === undefined) return [];
  const found = tilingFaults(await store.batchRuns(new Map(), last.cut), new Map(), last.cut);
  return found.map(({ partition, kind, expected, found: at }) => {
    const close = closes.find(({ cut }) => (cut.get(partition) ?? 0n) > expected) ?? last;
    return faultOf(
      close,
      "tiling",
      `${kind} in partition ${partition}: a batch at ${at} instead of ${expected}`,
    );
  });
}

/** As plain JSON values. */
export function auditJson({ faults, ...report }: AuditReport) {
  const [first] = faults;
  return {
    sound: first === undefined,
    first_bad_hour: first === undefined ? null : formatHour(first.hour),
    ...report,
    faults: faults.map((fault) => ({ ...fault, hour: formatHour(fault.hour) })),
  };
}
