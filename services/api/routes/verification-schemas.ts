// The shapes of what verification answers.
import Type from "typebox";
import { DEPTHS, type Depth } from "../../billing/invoices/verify.ts";
import { USAGE_KEYS } from "../../domain/closing/usage.ts";
import { Count, closed, EventId, Hash, HourText, oneOf, query, Text, Whole } from "../schemas.ts";

const USAGE_KEY = Object.fromEntries(USAGE_KEYS.map((name) => [name, Text])) as {
  [name in (typeof USAGE_KEYS)[number]]: typeof Text;
};

const EventFinding = closed({
  finding: Type.Union([Type.Literal("changed"), Type.Literal("repeated"), Type.Literal("uncounted")], {
    description:
      "changed: contents differ from the record; repeated: stored more than once; uncounted: no batch counted a record at its offset",
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
    description: "If records are missing, the first offsets without a row; duplicates have no row either",
  }),
});

const FINDINGS = {
  keys: Type.Array(
    closed({
      ...USAGE_KEY,
      differences: Type.Array(closed({ field: Text, closed: Text, recomputed: Text })),
    }),
    { description: "Usage rows that differ: as closed, and as recomputed from events" },
  ),
  more_keys: Count,
  events: Type.Array(EventFinding, {
    description: "Events that differ from what was counted; the first of them",
  }),
  more_events: Count,
  batches: Type.Array(BatchFinding, {
    description: "Batches with more or fewer rows than they counted; the first of them",
  }),
  more_batches: Count,
};

export const VerificationShape = closed({
  hour: HourText,
  revision: Count,
  content_hash: Hash,
  matches: Type.Boolean(),
  events_match: Type.Boolean(),
  rows_match: Type.Boolean(),
  chain_matches: Type.Boolean(),
  ...FINDINGS,
});

export const DepthQuery = query({
  depth: Type.Optional(
    Type.Unsafe<Depth>({
      ...oneOf(DEPTHS),
      description:
        "What to recompute from: stored charges (lines), usage (charges) or events; events if absent",
    }),
  ),
});

/** What differs; empty lists where everything matches. */
export const InvoiceVerificationShape = closed({
  invoice_id: Hash,
  number: Text,
  tenant_id: Text,
  depth: oneOf(DEPTHS),
  matches: Type.Boolean(),
  hours_checked: Count,
  hours_without_events: Type.Integer({
    minimum: 0,
    description: "Hours whose events were exported and removed from the log; checked from their usage",
  }),
  document_matches: Type.Boolean({
    description: "Whether the invoice still has the hash that it was stored with",
  }),
  lines: Type.Array(
    closed({
      line_id: Type.String({ description: "Empty for the invoice as a whole" }),
      field: Text,
      invoiced: Text,
      recomputed: Text,
    }),
  ),
  more_lines: Count,
  charges: Type.Array(
    closed({
      hour: HourText,
      charge_id: Type.String({ description: "Empty if no such charge is stored" }),
      field: Text,
      charged: Text,
      recomputed: Text,
    }),
  ),
  more_charges: Count,
  hours: Type.Array(
    closed({
      hour: HourText,
      revision: Count,
      is_there: Type.Boolean(),
      rows_match: Type.Boolean(),
      chain_matches: Type.Boolean(),
      ...FINDINGS,
    }),
  ),
  more_hours: Count,
  changed_books: Type.Array(Hash),
  changed_invoices: Type.Array(Hash),
});
