import type { HourAudit } from "./audit.ts";
import { chainText, contentText, type HourClose } from "./revision.ts";
import type { UsageRow } from "./usage.ts";

/** What a revision of an hour was checked against, and whether it held. */
export interface Verification {
  readonly revision: number;
  readonly content_hash: string;
  /** From the events in the log, under the revision's own cut. */
  readonly events_match: boolean;
  /** From the rows that the revision keeps. */
  readonly rows_match: boolean;
  /** The close itself still has the hash that the next one is chained to. */
  readonly chain_matches: boolean;
}

export interface Recomputed {
  readonly audit: Pick<HourAudit, "unique_ids" | "voided">;
  readonly from_events: readonly UsageRow[];
  readonly from_rows: readonly UsageRow[];
}

/** Compares a revision's hashes with those of what was added up again. `hash` is SHA-256 in hexadecimal. */
export function verifyRevision(
  close: HourClose,
  { audit, from_events, from_rows }: Recomputed,
  hash: (text: string) => string,
): Verification {
  const { unique_ids, voided } = audit;
  const events = contentText({ hour: close.hour, unique_ids, voided, rows: from_events });
  return {
    revision: close.revision,
    content_hash: close.content_hash,
    events_match: hash(events) === close.content_hash,
    rows_match: hash(contentText({ ...close, rows: from_rows })) === close.content_hash,
    chain_matches: hash(chainText(close)) === close.chain_hash,
  };
}
