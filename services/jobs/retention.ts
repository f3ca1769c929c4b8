// What may leave the log, and how: ARCHITECTURE.md, "What may leave the log".

import { join } from "node:path";
import { readJsonFile } from "../adapters/files/json-file.ts";
import { sumFile, writeWholeFile } from "../adapters/files/whole-file.ts";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import type { Cut } from "../domain/closing/cut.ts";
import {
  finalAtMs,
  type IngestDay,
  isPast,
  KEPT_REASONS,
  type KeptReason,
  keptBecause,
} from "../domain/closing/retention.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";
import type { ExportedDay, LogDays } from "../domain/ports/log-days.ts";
import { DAY_MS, formatHour } from "../domain/time/hour.ts";
import type { JobTurn } from "./job-runner.ts";

const MANIFEST_FORMAT = "meterhouse.usage_log_day@1";

export interface Retention {
  readonly days: LogDays;
  /** By Kafka partition, the first offset appended at this time or later. */
  readonly offsetsAt: (timeMs: number) => Promise<ReadonlyMap<number, number>>;
  readonly ageMs: number;
  /** Where days are exported to; empty if nowhere, and then nothing is dropped. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Exports and drops the ingest days that may go; tells what became of each. */
export async function dropOldDays(deps: Retention, turn: JobTurn): Promise<string> {
  const { days, clock, ageMs, folder, metrics, log } = deps;
  if (folder === "") return "no export folder is set, so nothing is dropped";
  // A day is as old as its last moment.
  const until = Math.floor((clock.nowMs() - ageMs - DAY_MS) / 1000);
  const dropped: string[] = [];
  const kept: string[] = [];
  const reasons = new Map<KeptReason, number>();
  for (const ingest_day of until < 0 ? [] : await days.days(until)) {
    turn.signal.throwIfAborted();
    const why = await dropDay(deps, turn, ingest_day);
    for (const reason of why) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (why.length === 0) dropped.push(ingest_day);
    else kept.push(`${ingest_day} (${why.join(", ")})`);
  }
  for (const reason of KEPT_REASONS) metrics.retention_kept_days.set({ reason }, reasons.get(reason) ?? 0);
  metrics.retention_dropped_days.inc(dropped.length);
  if (dropped.length > 0) log.info({ days: dropped }, "dropped exported days of the log");
  return [`dropped: ${dropped.join(", ") || "none"}`, `kept: ${kept.join(", ") || "none"}`].join("; ");
}

/** Nothing if the day is gone. Whatever ends the process in between, the next turn goes on from there. */
async function dropDay(deps: Retention, turn: JobTurn, ingest_day: string): Promise<readonly KeptReason[]> {
  const { days, clock, offsetsAt } = deps;
  const found = await days.day(ingest_day);
  const isOver = isPast(found.through_hour, clock.nowMs());
  const finalOffsets = isOver ? toCut(await offsetsAt(finalAtMs(found.through_hour))) : null;
  const kept = keptBecause(found, await days.standing(), finalOffsets);
  if (kept.length > 0) return kept;
  const exported = await exportDay(deps, found, turn.signal);
  if (exported === null) return ["changed"];
  if ((await days.recordDrop(exported, found.through_hour, turn.lease)) === "changed") return ["changed"];
  await days.drop(ingest_day);
  return [];
}

/**
 * Writes all rows of the day into a Parquet file, and beside it a manifest, last, with the file's checksum and what the rows
 * come to. A day that is exported already, and whose file is still what its manifest says, is left as it is. Null if rows
 * came meanwhile.
 */
async function exportDay(
  { days, folder, clock, log }: Pick<Retention, "days" | "folder" | "clock" | "log">,
  { ingest_day, day_rows, fingerprint, through_hour }: IngestDay,
  signal?: AbortSignal,
): Promise<ExportedDay | null> {
  const file = `usage_log-${ingest_day}.parquet`;
  const path = join(folder, file);
  const manifestPath = join(folder, `usage_log-${ingest_day}.json`);
  const about = {
    format: MANIFEST_FORMAT,
    ingest_day,
    through_hour: formatHour(through_hour),
    day_rows: String(day_rows),
    fingerprint: String(fingerprint),
    file,
  };
  const known = readJsonFile(manifestPath);
  const there = await sumFile(path);
  if (known.ok && there !== null && isSame(known.document, { ...about, ...there })) {
    return { ingest_day, day_rows, fingerprint, file, ...there };
  }
  const written = await writeWholeFile(path, days.contents(ingest_day, signal));
  const after = await days.dayRows(ingest_day);
  if (after.day_rows !== day_rows || after.fingerprint !== fingerprint) return null;
  const manifest = { ...about, ...written, exported_at: new Date(clock.nowMs()).toISOString() };
  await writeWholeFile(manifestPath, bytesOf(`${JSON.stringify(manifest, null, 2)}\n`));
  log.info({ ingest_day, file, rows: about.day_rows, bytes: written.bytes }, "exported a day of the log");
  return { ingest_day, day_rows, fingerprint, file, ...written };
}

function isSame(manifest: unknown, expected: Readonly<Record<string, unknown>>): boolean {
  if (typeof manifest !== "object" || manifest === null) return false;
  const reported = manifest as Readonly<Record<string, unknown>>;
  return Object.entries(expected).every(([name, value]) => reported[name] === value);
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

function toCut(offsets: ReadonlyMap<number, number>): Cut {
  return new Map([...offsets].map(([partition, offset]) => [partition, BigInt(offset)]));
}
