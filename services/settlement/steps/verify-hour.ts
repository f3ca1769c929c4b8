import type { Hour } from "../../domain/ledger/hour.ts";
import { chainText, contentText } from "../../domain/ledger/revision.ts";
import type { Settlement } from "../pipeline.ts";

export type Verification =
  | { readonly kind: "unknown" }
  | {
      readonly kind: "verified";
      readonly revision: number;
      readonly content_hash: string;
      /** From the events in the log, under the revision's own cut. */
      readonly events_match: boolean;
      /** From the rows that the revision keeps. */
      readonly rows_match: boolean;
      /** The close itself still has the hash that the next one is chained to. */
      readonly chain_matches: boolean;
    };

/** Recomputes a revision of an hour, the newest one with revision 0, from the log and compares the hashes. Writes nothing. */
export async function verifyHour(
  { store, hash }: Pick<Settlement, "store" | "hash">,
  hour: Hour,
  revision: number,
): Promise<Verification> {
  const close = await store.hourClose(hour, revision);
  if (close === null) return { kind: "unknown" };
  const { unique_ids, voided } = await store.hourAudit(hour, close.cut);
  const fromEvents = await store.hourUsage(hour, close.cut, !close.failed_checks.includes("unique_ids"));
  const fromRows = await store.usageOf(close);
  return {
    kind: "verified",
    revision: close.revision,
    content_hash: close.content_hash,
    events_match: hash(contentText({ hour, unique_ids, voided, rows: fromEvents })) === close.content_hash,
    rows_match: hash(contentText({ ...close, rows: fromRows })) === close.content_hash,
    chain_matches: hash(chainText(close)) === close.chain_hash,
  };
}
