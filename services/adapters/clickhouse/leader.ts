// Who may write what one process at a time writes: a lease with an epoch, which the guards of the writes look at.

import type { Clock } from "../../domain/ports/clock.ts";
import type { Lease, LeaseAnswer } from "../../domain/ports/leases.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { ClickHouseFailure } from "./failure.ts";

/** ClickHouse refused to write: somebody else leads, the lease is over, or the place in the chain is taken. */
export class StaleLeaderError extends Error {
  override readonly name = "StaleLeaderError";
  /** Which guard it was. */
  readonly rule: string;

  constructor(rule: string) {
    super(`ClickHouse refused a leader's write: ${rule}`);
    this.rule = rule;
  }
}

/** Somebody else led for all the time that was waited. The same request may succeed later. */
export class LeaderBusyError extends Error {
  override readonly name = "LeaderBusyError";
}

const STALE = [
  "METERHOUSE_STALE_LEADER",
  "METERHOUSE_LEASE_OVER",
  "METERHOUSE_SEQUENCE_TAKEN",
  "METERHOUSE_REVISION_TAKEN",
  "METERHOUSE_LEASE_HELD",
  "METERHOUSE_HOUR_DROPPED",
];
const PAUSE_MS = 25;
const RENEWALS_PER_TTL = 3;

/** The lease of a role. `database` marks the statements that a later leader may have to end. */
export class Leader {
  readonly #clickhouse: ClickHouse;
  readonly #role: string;
  readonly #database: string;

  constructor(clickhouse: ClickHouse, role: string, database: string) {
    this.#clickhouse = clickhouse;
    this.#role = role;
    this.#database = database;
  }

  /** Takes the lease, or renews it where `owner` holds it; then ends what an earlier leader left running. */
  async take(owner: string, ttlMs: number): Promise<LeaseAnswer> {
    const before = await this.#newest();
    if (before.owner !== owner && before.left_ms > 0) return { kind: "taken", ...before };
    const lease = { epoch: before.epoch + 1n, owner };
    try {
      await this.renew(lease, ttlMs);
    } catch (error) {
      if (!(error instanceof StaleLeaderError)) throw error;
      return { kind: "taken", ...(await this.#newest()) };
    }
    // What an earlier epoch left running has either committed or died after this; what is still on its way is refused.
    await this.#clickhouse.command(
      "KILL QUERY WHERE startsWith(query_id, concat({role:String}, ':', {database:String}, ':')) SYNC",
      { params: { role: this.#role, database: this.#database } },
    );
    const after = await this.#newest();
    const isHeld = after.epoch === lease.epoch && after.owner === owner;
    return isHeld ? { kind: "held", lease } : { kind: "taken", ...after };
  }

  async renew(lease: Lease, ttlMs: number): Promise<void> {
    await this.guarded("leader_take_lease", { ...lease, role: this.#role, ttl_ms: ttlMs });
  }

  async release(lease: Lease): Promise<void> {
    await this.renew(lease, 0);
  }

  /** A statement whose guard looks at the lease. */
  async guarded(name: string, params: Params, id?: string): Promise<void> {
    await staleOr(() => this.#clickhouse.command(loadQuery(name), { params, ...this.queryId(id) }));
  }

  /** Marks a statement, so that a later leader can end it. */
  queryId(id?: string): { queryId?: string } {
    return id === undefined ? {} : { queryId: `${this.#role}:${this.#database}:${id}` };
  }

  async #newest(): Promise<{ epoch: bigint; owner: string; left_ms: number }> {
    const [row] = await this.#clickhouse.query<{ epoch: string; owner: string; left_ms: string }>(
      loadQuery("leader_lease"),
      { role: this.#role },
    );
    return { epoch: BigInt(row?.epoch ?? 0), owner: row?.owner ?? "", left_ms: Number(row?.left_ms ?? 0) };
  }
}

/** Does a guarded write; a refusal of the guard is a StaleLeaderError. */
export async function staleOr<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const rule = STALE.find((candidate) => isRefusedBy(error, candidate));
    throw rule === undefined ? error : new StaleLeaderError(rule);
  }
}

/** Whether this guard of ours said no. */
export function isRefusedBy(error: unknown, rule: string): boolean {
  return error instanceof ClickHouseFailure && error.kind === "rejected" && error.message.includes(rule);
}

export interface LeadOptions {
  readonly owner: string;
  readonly clock: Clock;
  /** How long the lease holds if this process dies in the middle. */
  readonly ttlMs: number;
  readonly waitMsMax: number;
}

/**
 * Leads for as long as `work` takes, and no longer, so that every process of the role gets its turn.
 * @throws LeaderBusyError where nobody gave way in time
 */
export async function whileLeading<T>(
  leader: Leader,
  { owner, clock, ttlMs, waitMsMax }: LeadOptions,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  const deadline = clock.monotonicMs() + waitMsMax;
  for (;;) {
    const answer = await leader.take(owner, ttlMs);
    if (answer.kind === "held") {
      try {
        return await work(answer.lease);
      } finally {
        await release(leader, answer.lease);
      }
    }
    if (clock.monotonicMs() >= deadline) throw new LeaderBusyError(`${answer.owner} leads`);
    await clock.sleep(Math.min(Math.max(answer.left_ms, 1), PAUSE_MS));
  }
}

/**
 * Leads for as long as `work` takes, however long that is: the lease is renewed meanwhile. The signal is aborted, with the
 * reason, when it cannot be.
 * @throws LeaderBusyError where somebody else leads
 */
export function whileRenewing<T>(
  leader: Leader,
  options: Omit<LeadOptions, "waitMsMax">,
  work: (lease: Lease, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, ttlMs } = options;
  return whileLeading(leader, { ...options, waitMsMax: 0 }, async (lease) => {
    const [lost, over] = [new AbortController(), new AbortController()];
    const renew = async () => {
      for (;;) {
        await clock.sleep(ttlMs / RENEWALS_PER_TTL, over.signal);
        await leader.renew(lease, ttlMs);
      }
    };
    const renewing = renew().catch((error: unknown) => lost.abort(error));
    try {
      return await work(lease, lost.signal);
    } finally {
      over.abort(new Error("the work is done"));
      await renewing;
    }
  });
}

/** A lease that somebody else has taken meanwhile needs no giving back. */
async function release(leader: Leader, lease: Lease): Promise<void> {
  try {
    await leader.release(lease);
  } catch (error) {
    if (!(error instanceof StaleLeaderError)) throw error;
  }
}
