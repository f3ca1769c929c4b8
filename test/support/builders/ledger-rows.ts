// What is in the ledger of a test: a few charges, sessions and events of two tenants in one hour.
import type { StoredEvent } from "../../../services/domain/ports/records.ts";
import { CHARGE_FACTORS } from "../../../services/domain/rating/charges.ts";
import type { LedgerRows } from "../doubles/memory-ledger.ts";
import { H100 } from "./price-books.ts";

/** The time of requests to the API. */
export const NOW = Date.parse("2026-11-23T12:34:56.789Z");
const ENDED_MS = Date.parse("2026-11-23T10:20:00Z");
export const EVENT = `${ENDED_MS.toString(16).padStart(12, "0")}70008000000000000001`;
const HASH = "a".repeat(64);

type Charge = LedgerRows["charges"][number];

function chargeRow(tenant_id: string, number: number, changes: Partial<Charge> = {}): Charge {
  const terms = Object.fromEntries(CHARGE_FACTORS.map((name) => [name, "1.000000000000"]));
  return {
    charge_id: `2026112310-1-1-${String(number).padStart(24, "0")}`,
    hour: "2026-11-23T10:00:00Z",
    revision: 1,
    rating: 1,
    payer: "tenant",
    billed_to: tenant_id,
    tenant_id,
    project_id: "project-1",
    model: "synthetic-7b",
    model_version: "1",
    gpu_model: H100,
    mig_profile: "",
    sharing: "exclusive",
    phase: "inference",
    outcome: "ok",
    currency: "USD",
    events: "1",
    gpu_time_ns: "3600000000000",
    busy_ns: "3600000000000",
    is_current: true,
    price_book: HASH,
    formula: "composite@1",
    ...(terms as { [name in (typeof CHARGE_FACTORS)[number]]: string }),
    apportionments: ["equal@1"],
    hour_content_hash: HASH,
    hour_chain_hash: HASH,
    hour_closed_at: "2026-11-23T11:10:00.000Z",
    hour_reason: "complete",
    ...changes,
  };
}

const MEASURED = {
  session_id: "session-1",
  sequence: 0,
  user_id: "",
  node: "node-1",
  container_id: "",
  gpu_uuid: "GPU-1",
  rank: 0,
  world_size: 1,
  gpu_time_ns: "120000000",
  gpu_busy_ns: null,
  communication_ns: "0",
  time_quality: "measured",
  memory_peak_bytes: "17314611200",
  memory_scope: "shared",
  memory_total_bytes: "85520809984",
  energy_uj: "61234567",
  power_avg_mw: 510_000,
  power_peak_mw: 690_000,
  power_limit_mw: 700_000,
  energy_quality: "counter",
  nvlink_tx_bytes: null,
  nvlink_rx_bytes: null,
  tokens_in: 374,
  tokens_cached: 0,
  tokens_out: 55,
  batch_steps: 56,
  batch_size_avg_milli: 41_250,
  apportionment: "equal@1",
  probe_version: "0.1.0",
  busy_quality: "elapsed",
  kafka_partition: 0,
  kafka_offset: "7",
  ingested_at: "2026-11-23T10:20:00.000Z",
};

/** An event of a quarter of a second that ended at the time of its id. */
function storedEvent(changes: Partial<StoredEvent> = {}): StoredEvent {
  const ended_at = ENDED_MS * 1000;
  return {
    ...MEASURED,
    id: EVENT,
    tenant_id: "acme",
    project_id: "project-1",
    model: "synthetic-7b",
    model_version: "1",
    gpu_model: H100,
    mig_profile: "",
    sharing: "exclusive",
    phase: "inference",
    outcome: "ok",
    started_at: String(ended_at - 250_000),
    ended_at: String(ended_at),
    hours: ["2026-11-23T10:00:00Z"],
    ...changes,
  };
}

const account = { received: "4", counted: "1", duplicates: "1", conflicts: "1", rejected: "1" };

export const ROWS: LedgerRows = {
  charges: [
    chargeRow("acme", 1),
    chargeRow("acme", 2),
    chargeRow("globex", 3),
    chargeRow("acme", 4, { payer: "operator", billed_to: "operator", phase: "load" }),
    chargeRow("acme", 5, { is_current: false }),
  ],
  sessions: ["session-1", "session-2"].map((session_id) => ({
    session_id,
    events: "1",
    started_at: "2026-11-23T10:19:59.750000Z",
    ended_at: "2026-11-23T10:20:00.000000Z",
    gpu_time_ns: "120000000",
    memory_peak_bytes: "17314611200",
    energy_uj: "61234567",
    tokens_in: "374",
    tokens_out: "55",
    apportionments: ["equal@1"],
  })),
  events: [
    {
      ...MEASURED,
      event_id: EVENT,
      started_at: "2026-11-23T10:19:59.750000Z",
      ended_at: "2026-11-23T10:20:00.000000Z",
    },
  ],
  usage: new Map([
    [
      "acme",
      [
        {
          project_id: "project-1",
          model: "synthetic-7b",
          gpu_model: H100,
          sharing: "exclusive",
          phase: "inference",
          outcome: "ok",
          events: "2",
          gpu_time_ns: "9007199254740993",
          energy_uj: "1",
          tokens_in: "1",
          tokens_out: "1",
        },
      ],
    ],
  ]),
  counted_until: NOW - 1_500,
  accounting: [
    { hour: "2026-11-23T10:00:00Z", tenant_id: "acme", ...account },
    { hour: "2026-11-23T10:00:00Z", tenant_id: "globex", ...account },
  ],
  rejected: ["EVENT_TIME_FUTURE", "RECORD_EMPTY"].map((reject_code, index) => ({
    kafka_partition: 0,
    kafka_offset: String(index),
    ingested_at: "2026-11-23T10:20:00.000Z",
    reject_code,
    reject_detail: "",
    tenant_id: "acme",
    key_base64: "AA==",
    value_base64: "AA==",
  })),
  stored: [storedEvent()],
  voids: new Map(),
  hours: [1, 2].map((revision) => ({
    hour: "2026-11-23T10:00:00Z",
    revision,
    reason: "complete",
    sequence: String(revision),
    content_hash: HASH,
    chain_hash: HASH,
    previous_hash: HASH,
    balanced: true,
    events: "1",
    voided: "0",
    closed_at: "2026-11-23T11:10:00.000Z",
  })),
};
