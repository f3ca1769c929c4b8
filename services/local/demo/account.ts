// The demo's closing account, queried from ClickHouse: three sums that must balance exactly.
import { type ClickHouse, loadQuery } from "../../adapters/clickhouse/client.ts";
import type { HourRange } from "../../domain/time/hour.ts";

export interface Account {
  readonly events: Record<"received" | "counted" | "duplicate" | "conflict" | "rejected", number>;
  readonly gpu_time_ns: Record<"physical" | "sessions" | "operator" | "idle" | "unattributed", string>;
  /** By the cards' counters; all 0 where none counted. */
  readonly busy_ns: Record<"busy" | "sessions" | "operator" | "unmetered", string>;
  readonly hours_closed: number;
  readonly tenants_billed: number;
  readonly charges_total: string;
  readonly currency: string;
}

/** Time and charges of these hours; `events` are all records so far, as one that is rejected has no hour. */
export async function readAccount(client: ClickHouse, { from, to }: HourRange): Promise<Account> {
  const range = { from, to };
  const [events] = await client.query<Account["events"]>(loadQuery("account_events"));
  const [time] = await client.query<Account["gpu_time_ns"]>(loadQuery("account_gpu_time"), range);
  const [busy] = await client.query<Account["busy_ns"]>(loadQuery("account_busy_time"), range);
  const [bills] = await client.query<Omit<Account, "events" | "gpu_time_ns" | "busy_ns">>(
    loadQuery("account_bills"),
    range,
  );
  if (events === undefined || time === undefined || busy === undefined || bills === undefined) {
    throw new Error("no account");
  }
  return {
    events: Object.fromEntries(
      Object.entries(events).map(([name, value]) => [name, Number(value)]),
    ) as Account["events"],
    gpu_time_ns: time,
    busy_ns: busy,
    ...bills,
    hours_closed: Number(bills.hours_closed),
    tenants_billed: Number(bills.tenants_billed),
  };
}

/** What has become of the records since an earlier account. */
export function eventsSince(before: Account["events"], now: Account["events"]): Account["events"] {
  return {
    received: now.received - before.received,
    counted: now.counted - before.counted,
    duplicate: now.duplicate - before.duplicate,
    conflict: now.conflict - before.conflict,
    rejected: now.rejected - before.rejected,
  };
}

/** What does not add up, in words; nothing if the account balances. */
export function faultsOf({ events, gpu_time_ns: time, busy_ns: busy }: Account): string[] {
  const faults: string[] = [];
  const ended = events.counted + events.duplicate + events.conflict + events.rejected;
  if (events.received !== ended)
    faults.push(`${events.received} records were received, ${ended} are accounted for`);
  const parts = BigInt(time.sessions) + BigInt(time.operator) + BigInt(time.idle) + BigInt(time.unattributed);
  if (BigInt(time.physical) !== parts)
    faults.push(`the GPU ran ${time.physical} ns, ${parts} ns are accounted for`);
  const worked = BigInt(busy.sessions) + BigInt(busy.operator) + BigInt(busy.unmetered);
  if (BigInt(busy.busy) !== worked)
    faults.push(`the GPU was busy for ${busy.busy} ns, ${worked} ns are accounted for`);
  return faults;
}

/** Nanoseconds as seconds, to the last digit. */
export function secondsText(ns: string): string {
  return `${ns.padStart(10, "0").replace(/(\d{9})$/, ".$1")} s`;
}
