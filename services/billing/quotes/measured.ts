// Measured sessions for quotes. There is no table of them: closed hours say in which tenant and hour a model ran on a card, and
// the log is read there by its primary key. README.md says what that costs, and why the answer is remembered for a while.

import { cardOf } from "../../domain/event/fields.ts";
import { type MeasuredSession, wholeSessions } from "../../domain/insight/measured-sessions.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { History, MeasuredHour, ModelOnGpu, SessionFilter } from "../../domain/ports/history.ts";
import type { Log } from "../../domain/ports/log.ts";
import { HOUR_S, type Hour, hourOf } from "../../domain/time/hour.ts";
import { Cache, type Cached } from "../cache/cache.ts";

export interface Measured {
  readonly sessions: readonly MeasuredSession[];
  /** The hours that were searched. */
  readonly searched_from: Hour;
  readonly searched_to: Hour;
  /** The first hour that sessions were taken from, and the first after them; null where there was none. */
  readonly from: Hour | null;
  readonly to: Hour | null;
}

export const SEARCHED_DAYS = 30;
const SEARCHED_S = SEARCHED_DAYS * 24 * HOUR_S;
const SESSIONS = 256n;
/** Tenant-hours that are read: many of one tenant, two each where the question is about many tenants. */
const HOURS_MAX = 48;
const HOURS_EACH = 2;
const FOUND_MAX = 5_000;
const EVENTS_READ_MAX = 200_000;
/** A session on many ranks, or under many keys, has a row for each. */
const ROWS_MAX = 4_096;
const AGE = { freshMs: 300_000, staleMs: 3_600_000 };
const ENTRIES_MAX = 500;
const EVERYTHING = 2n ** 64n - 1n;

export type FindMeasured = (served: ModelOnGpu, filter: SessionFilter) => Promise<Cached<Measured>>;

export interface MeasuredDeps {
  readonly history: Pick<History, "measuredHours" | "sessions">;
  readonly clock: Clock;
  readonly log: Log;
}

/** At most some hundred whole sessions of the newest closed hours, remembered for five minutes. */
export function createFindMeasured({ history, clock, log }: MeasuredDeps): FindMeasured {
  const lookUp = async (served: ModelOnGpu, filter: SessionFilter): Promise<Measured> => {
    const searched_to = hourOf(clock.nowMs()) + HOUR_S;
    const range = { from: Math.max(0, searched_to - SEARCHED_S), to: searched_to };
    const limits = { read_max: EVENTS_READ_MAX, limit: FOUND_MAX };
    const found = await history.measuredHours(served, filter, range, limits);
    const hours = chosen(found, filter.audience.kind === "all" ? HOURS_EACH : HOURS_MAX);
    const parts = await history.sessions(served, filter.project_id, hours, shares(hours), ROWS_MAX);
    // What was cut off at the limit lacks a part of its last session.
    const sessions = wholeSessions(parts, hours);
    const starts = hours.map(({ hour }) => hour);
    return {
      sessions,
      searched_from: range.from,
      searched_to,
      from: starts.length === 0 ? null : Math.min(...starts),
      to: starts.length === 0 ? null : Math.max(...starts) + HOUR_S,
    };
  };
  const onFailure = (err: unknown) => log.warn({ err }, "measured sessions could not be looked up anew");
  const measured = new Cache<Measured>({ clock, weightMax: ENTRIES_MAX, onFailure });
  return (served, filter) => {
    const key = JSON.stringify([served.model, cardOf(served), filter.audience, filter.project_id]);
    return measured.get(key, AGE, () => lookUp(served, filter));
  };
}

/** The newest hours first, so many of each tenant, as long as all together stay within what is read at once. */
function chosen(found: readonly MeasuredHour[], hoursEach: number): MeasuredHour[] {
  const taken = new Map<string, number>();
  let read = 0;
  return found.filter((it) => {
    const takenHours = taken.get(it.tenant_id) ?? 0;
    if (takenHours >= hoursEach || read + it.read > EVENTS_READ_MAX) return false;
    const isRoom = [...taken.values()].reduce((sum, hours) => sum + hours, 0) < HOURS_MAX;
    if (!isRoom) return false;
    taken.set(it.tenant_id, takenHours + 1);
    read += it.read;
    return true;
  });
}

/** The share of each tenant's sessions that gives all tenants the same number. */
function shares(hours: readonly MeasuredHour[]): Map<string, bigint> {
  const tenants = Map.groupBy(hours, ({ tenant_id }) => tenant_id);
  const wanted = SESSIONS / BigInt(Math.max(1, tenants.size)) + 1n;
  return new Map(
    [...tenants].map(([tenant_id, own]) => {
      const measured = BigInt(own.reduce((sum, it) => sum + it.measured, 0));
      return [tenant_id, measured <= wanted ? EVERYTHING : (EVERYTHING * wanted) / measured];
    }),
  );
}
