// The shapes of what verification answers.
import Type from "typebox";
import { USAGE_KEYS } from "../../domain/ledger/usage.ts";
import { Count, closed, EventId, Hash, HourText, Text, Whole } from "../schemas.ts";

const USAGE_KEY = Object.fromEntries(USAGE_KEYS.map((name) => [name, Text])) as {
  [name in (typeof USAGE_KEYS)[number]]: typeof Text;
};

const EventFinding = closed({
  finding: Type.Union([Type.Literal("changed"), Type.Literal("repeated"), Type.Literal("uncounted")], {
    description:
      "changed: no longer as it came; repeated: there more than once; uncounted: no batch counted a record at its place",
  }),
  event_id: EventId,
  tenant_id: Text,
  kafka_partition: Count,
  kafka_offset: Whole,
});

const BatchFinding = closed({
  kafka_partition: Count,
  first_offset: Whole,
  last_offset: Whole,
  counted: Whole,
  found: Whole,
  offsets_without_row: Type.Array(Whole, {
    description: "Where records are missing: the first offsets without a row; duplicates have none either",
  }),
});

export const VerificationShape = closed({
  hour: HourText,
  revision: Count,
  content_hash: Hash,
  matches: Type.Boolean(),
  events_match: Type.Boolean(),
  rows_match: Type.Boolean(),
  chain_matches: Type.Boolean(),
  keys: Type.Array(
    closed({
      ...USAGE_KEY,
      differences: Type.Array(closed({ field: Text, closed: Text, recomputed: Text })),
    }),
    { description: "Usage that differs: as the hour was closed, and as its events come to now" },
  ),
  more_keys: Count,
  events: Type.Array(EventFinding, {
    description: "Events that are not what was counted, the first of them",
  }),
  more_events: Count,
  batches: Type.Array(BatchFinding, {
    description: "Batches of which more or fewer records are there than they counted, the first of them",
  }),
  more_batches: Count,
});
