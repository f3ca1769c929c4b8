import { expect, it } from "vitest";
import { verificationText } from "../../../services/cli/charge-text.ts";
import type { PricingOperations } from "../../../services/client/pricing-operations.ts";

type Verified = PricingOperations["verifyInvoice"]["reply"];

const ID = "a".repeat(64);
const NOTHING = { keys: [], more_keys: 0, events: [], more_events: 0, batches: [], more_batches: 0 };
const SOUND: Verified = {
  invoice_id: ID,
  number: "3",
  tenant_id: "acme",
  depth: "events",
  matches: true,
  hours_checked: 2,
  hours_without_events: 0,
  document_matches: true,
  lines: [],
  more_lines: 0,
  charges: [],
  more_charges: 0,
  hours: [],
  more_hours: 0,
  changed_books: [],
  changed_invoices: [],
};
const KEY = {
  tenant_id: "acme",
  project_id: "p",
  model: "m",
  model_version: "1",
  gpu_model: "H100",
  mig_profile: "",
  sharing: "exclusive",
  phase: "inference",
  outcome: "ok",
};

it("says that an invoice matches, and what was looked at", () => {
  expect(verificationText(SOUND)).toBe(
    `invoice 3 of acme matches: ${ID}\n  computed again from its events, over 2 hours`,
  );
});

it("has a line for everything that differs, down to the event", () => {
  const hour = { hour: "2026-11-23T10:00:00Z", revision: 2, is_there: true, rows_match: false };
  const text = verificationText({
    ...SOUND,
    matches: false,
    document_matches: false,
    hours_without_events: 1,
    lines: [{ line_id: "", field: "total", invoiced: "2.0", recomputed: "1.0" }],
    more_lines: 7,
    charges: [{ hour: hour.hour, charge_id: "", field: "charge_id", charged: "", recomputed: "key" }],
    hours: [
      {
        ...hour,
        chain_matches: false,
        ...NOTHING,
        keys: [{ ...KEY, differences: [{ field: "gpu_time_ns", closed: "5", recomputed: "6" }] }],
        events: [
          { finding: "changed", event_id: "e1", tenant_id: "acme", kafka_partition: 0, kafka_offset: "0" },
        ],
        batches: [
          {
            kafka_partition: 1,
            first_offset: "0",
            last_offset: "9",
            counted: "10",
            found: "9",
            offsets_without_row: ["4"],
          },
        ],
      },
      { ...hour, is_there: false, chain_matches: false, ...NOTHING },
    ],
    changed_books: ["b1"],
    changed_invoices: ["i1"],
  });
  for (const part of [
    "invoice 3 of acme DIFFERS",
    "1 of them without events",
    "does not have the hash that it was stored with",
    "line (whole) total: invoiced 2.0, now 1.0",
    "… and 7 more lines",
    "charge 2026-11-23T10:00:00Z charge_id: charged nothing, now key",
    "its usage does not have its hash",
    "its link of the chain differs",
    "p, m, H100, ok: gpu_time_ns: closed with 5, now 6",
    "event e1 is changed",
    "10 records were counted in partition 1 from offset 0 to 9, 9 are there; no row at 4",
    "revision 2 is gone",
    "price book b1 is not what its hash says",
    "invoice i1, on which it builds,",
  ]) {
    expect(text).toContain(part);
  }
});
