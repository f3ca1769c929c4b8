import { StaleLeaderError } from "../../adapters/clickhouse/leader.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { Settlement } from "../pass.ts";

const RENEWALS_PER_LEASE = 3;

/**
 * Does work of any length under the lease, which is renewed meanwhile: it runs out only if this process stalls or dies. A renewal
 * that fails otherwise than by a rival is left to the next one, as every write looks at the lease again.
 */
export async function keepLease<T>(deps: Settlement, lease: Lease, work: () => Promise<T>): Promise<T> {
  const { store, clock, leaseMs, log } = deps;
  const over = new AbortController();
  const renew = async () => {
    for (;;) {
      await clock.sleep(leaseMs / RENEWALS_PER_LEASE, over.signal);
      try {
        await store.renewLease(lease, leaseMs);
      } catch (error) {
        if (error instanceof StaleLeaderError) return;
        log.warn({ err: error }, "the lease could not be renewed; it is tried again");
      }
    }
  };
  const renewing = renew().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  try {
    return await work();
  } finally {
    over.abort(new Error("the work is done"));
    await renewing;
  }
}
