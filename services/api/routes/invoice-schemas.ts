// The shapes of invoices and credit notes.

import Type from "typebox";
import { PROBLEM_CODES } from "../../adapters/http/problem.ts";
import { LINE_KINDS } from "../../domain/billing/lines.ts";
import { CHARGE_FACTORS } from "../../domain/rating/charges.ts";

import {
  CARD,
  Count,
  closed,
  Decimal,
  Hash,
  HourText,
  Moment,
  nullable,
  OPTIONAL_TENANT,
  oneOf,
  PAGE,
  Reason,
  TenantId,
  Text,
  Whole,
} from "../schemas.ts";

const SeriesNumber = Type.String({
  pattern: "^[1-9][0-9]{0,9}$",
  description: "A number without gaps in its series",
});

const LineShape = closed({
  line_id: Hash,
  /** Of an adjustment: what it corrects. `line_id` is "" where that invoice had no such line. */
  reference: nullable(closed({ invoice_id: Hash, line_id: Text })),
  period_from: HourText,
  kind: oneOf(LINE_KINDS),
  name: Text,
  plan: Text,
  project_id: Text,
  model: Text,
  ...CARD,
  price_book: Text,
  unit: Text,
  tier: Count,
  factor: Decimal,
  quantity: Decimal,
  gpu_time_ns: Whole,
  unit_price: Decimal,
  amount: Decimal,
  /** A multiple of the currency's minor unit; these add up to the total. */
  rounded_amount: Decimal,
});

const SUMS = { amount: Decimal, total: Decimal };
const IDENTITY = { tenant_id: Text, currency: Text, period_from: HourText, period_to: HourText };
const RunShape = closed({ from: HourText, to: HourText, revision: Count, price_book: Hash });

export const DraftShape = closed({
  ...IDENTITY,
  /** The id that it will have if it is finalised as it is; null where everything has been invoiced. */
  invoice_id: nullable(Hash),
  state: Type.Literal("draft"),
  ...SUMS,
  lines: Type.Array(LineShape),
  rests_on: Type.Array(RunShape),
  /** Hours of the period that cannot be invoiced yet, the first hundred. */
  waiting: Type.Array(closed({ hour: HourText, why: Text })),
});

const State = Type.Union([Type.Literal("finalised"), Type.Literal("voided")]);

export const InvoiceShape = closed({
  ...IDENTITY,
  invoice_id: Hash,
  number: SeriesNumber,
  state: State,
  seller: Text,
  finalised_at: Moment,
  ...SUMS,
  content_hash: Hash,
  lines: Type.Array(LineShape),
  /** The periods that were stated for it, and the revisions of their hours, as runs of hours. */
  periods: Type.Array(closed({ from: HourText, to: HourText })),
  rests_on: Type.Array(RunShape),
  voided: nullable(closed({ credit_note_id: Hash, number: SeriesNumber, reason: Text, voided_at: Moment })),
});

export const InvoiceSummaryShape = closed({
  ...IDENTITY,
  invoice_id: Hash,
  number: SeriesNumber,
  state: State,
  finalised_at: Moment,
  ...SUMS,
  lines: Count,
  adjustments: Count,
});

const NOTE = {
  credit_note_id: Hash,
  number: SeriesNumber,
  invoice_id: Hash,
  invoice_number: SeriesNumber,
  tenant_id: Text,
  currency: Text,
  reason: Text,
  issued_at: Moment,
  ...SUMS,
};
export const CreditNoteSummaryShape = closed(NOTE);
export const CreditNoteShape = closed({ ...NOTE, seller: Text, lines: Type.Array(LineShape) });

export const DraftBody = closed({
  tenant_id: TenantId,
  period_from: HourText,
  period_to: Type.Optional(HourText),
});
export const FinaliseBody = closed({
  ...OPTIONAL_TENANT,
  period_from: HourText,
  period_to: Type.Optional(HourText),
});
export const FinaliseReply = closed({
  period_from: HourText,
  period_to: HourText,
  results: Type.Array(
    closed({
      tenant_id: Text,
      status: Type.Union([Type.Literal("finalised"), Type.Literal("nothing_new"), Type.Literal("refused")]),
      /** The new invoice, or the newest one of the period. */
      invoice: nullable(InvoiceSummaryShape),
      /** Why it was refused. */
      code: nullable(oneOf(PROBLEM_CODES)),
      detail: Text,
    }),
  ),
});

export const InvoiceParams = closed({ invoice_id: Hash });
export const CreditNoteParams = closed({ credit_note_id: Hash });
export const ListQuery = closed({ ...PAGE, ...OPTIONAL_TENANT });
export const FormatQuery = closed({
  /** In place of an Accept header. */
  format: Type.Optional(oneOf(["json", "csv", "html"])),
});

export const LineParams = closed({ invoice_id: Hash, line_id: Hash });
export const PartShape = closed({
  /** An adjustment is what is less what was; another line has no "was". */
  side: oneOf(["was", "is"]),
  /** GET /v1/charges/{charge_id} explains it, …/sessions and …/events open it further. */
  charge_id: Text,
  hour: HourText,
  revision: Count,
  model_version: Text,
  sharing: Text,
  phase: Text,
  outcome: Text,
  events: Whole,
  quantity: Decimal,
  gpu_time_ns: Whole,
  unit_price: Decimal,
  factor: Decimal,
  amount: Decimal,
  formula: Text,
  /** Of the whole charge: elapsed and busy time. */
  charge_gpu_time_ns: Whole,
  charge_busy_ns: Whole,
  /** Of the whole charge, of which this is a part where a package or tier ended in it. */
  ...(Object.fromEntries(CHARGE_FACTORS.map((name) => [name, Decimal])) as {
    [name in (typeof CHARGE_FACTORS)[number]]: typeof Decimal;
  }),
  apportionments: Type.Array(Text),
});
export const ProjectsShape = closed({
  invoice_id: Hash,
  currency: Text,
  total: Decimal,
  /** They add up to the total; what belongs to no project is shared in proportion to what does. */
  projects: Type.Array(closed({ project_id: Text, total: Decimal })),
});
export const VoidInvoiceBody = closed({ reason: Reason });
