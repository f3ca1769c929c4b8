import type { Hour } from "../../domain/ledger/hour.ts";
import { type Verification as Verified, verifyRevision } from "../../domain/ledger/verification.ts";
import type { Settlement } from "../pipeline.ts";

export type Verification = { readonly kind: "unknown" } | ({ readonly kind: "verified" } & Verified);

/** Recomputes a revision of an hour, the newest one with revision 0, from the log and compares the hashes. Writes nothing. */
export async function verifyHour(
  { store, hash }: Pick<Settlement, "store" | "hash">,
  hour: Hour,
  revision: number,
): Promise<Verification> {
  const close = await store.hourClose(hour, revision);
  if (close === null) return { kind: "unknown" };
  const audit = await store.hourAudit(hour, close.cut);
  const from_events = await store.hourUsage(hour, close.cut, !close.failed_checks.includes("unique_ids"));
  const from_rows = await store.usageOf(close);
  return { kind: "verified", ...verifyRevision(close, { audit, from_events, from_rows }, hash) };
}
