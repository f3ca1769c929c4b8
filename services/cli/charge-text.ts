import type { PricingOperations } from "../client/pricing-operations.ts";

type Explained = PricingOperations["explainCharge"]["reply"];
type Verified = PricingOperations["verifyInvoice"]["reply"];
type Hour = Verified["hours"][number];

/** A charge for a person: each step of the formula with its value. */
export function explanationText({ charge, steps }: Explained): string {
  const rows = steps.map(({ what, how, value }) => `  ${what.padEnd(13)} ${value.padStart(22)}  ${how}`);
  const head = `${charge.billed_to}, ${charge.hour}, revision ${charge.revision}: ${charge.charge} ${charge.currency}`;
  return [head, ...rows, `  GPU time shared by ${charge.apportionments.join(", ")}`].join("\n");
}

/** The verification of an invoice for a person: what was checked, then a line for everything that differs. */
export function verificationText(verified: Verified): string {
  const { number, tenant_id, invoice_id, depth, matches, hours_checked, hours_without_events } = verified;
  const exported = hours_without_events === 0 ? "" : `, ${hours_without_events} of them without events`;
  return [
    `invoice ${number} of ${tenant_id} ${matches ? "matches" : "DIFFERS"}: ${invoice_id}`,
    `  computed again from ${FROM[depth]}, over ${hours_checked} hours${exported}`,
    ...(verified.document_matches ? [] : ["  the invoice does not have the hash that it was stored with"]),
    ...verified.lines.map(
      (it) => `  line ${it.line_id || "(whole)"} ${change(it.field, "invoiced", it.invoiced, it.recomputed)}`,
    ),
    ...more(verified.more_lines, "lines"),
    ...verified.charges.map(
      (it) => `  charge ${it.charge_id || it.hour} ${change(it.field, "charged", it.charged, it.recomputed)}`,
    ),
    ...more(verified.more_charges, "charges"),
    ...verified.hours.flatMap(hourLines),
    ...more(verified.more_hours, "hours"),
    ...verified.changed_books.map((hash) => `  price book ${hash} is not what its hash says`),
    ...verified.changed_invoices.map(
      (id) => `  invoice ${id}, on which it builds, is not what its hash says`,
    ),
  ].join("\n");
}

const FROM = {
  lines: "its stored charges",
  charges: "the usage of its hours",
  events: "its events",
} as const;

function hourLines(hour: Hour): string[] {
  const about = `  hour ${hour.hour} revision ${hour.revision}`;
  if (!hour.is_there) return [`${about} is gone`];
  return [
    ...(hour.rows_match ? [] : [`${about}: its usage does not have its hash`]),
    ...(hour.chain_matches ? [] : [`${about}: its link of the chain differs`]),
    ...hour.keys.flatMap((key) =>
      key.differences.map(
        (it) =>
          `${about}, ${key.project_id}, ${key.model}, ${key.gpu_model}, ${key.outcome}: ` +
          change(it.field, "closed with", it.closed, it.recomputed),
      ),
    ),
    ...more(hour.more_keys, "keys"),
    ...hour.events.map((it) => `${about}: event ${it.event_id} is ${it.finding}`),
    ...more(hour.more_events, "events"),
    ...hour.batches.map(
      (it) =>
        `${about}: ${it.counted} records were counted in partition ${it.kafka_partition} from offset ` +
        `${it.first_offset} to ${it.last_offset}, ${it.found} are there; no row at ${it.offsets_without_row.join(", ") || "-"}`,
    ),
    ...more(hour.more_batches, "batches"),
  ];
}

function change(field: string, was: string, before: string, after: string): string {
  return `${field}: ${was} ${before || "nothing"}, now ${after || "nothing"}`;
}

function more(count: number, what: string): string[] {
  return count === 0 ? [] : [`  … and ${count} more ${what}`];
}
