// The pricing API over rows in memory, with a key for each scope.

import { randomBytes } from "node:crypto";
import type { InjectOptions } from "fastify";
import { createRecordCodec } from "../../../services/adapters/avro/record-codec.ts";
import type { Api } from "../../../services/adapters/http/api.ts";
import { urlFault } from "../../../services/adapters/http/webhook-address.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import { type PricingDeps, pricingApi, type ServerDeps } from "../../../services/api/app.ts";
import { newKey } from "../../../services/billing/access/keys.ts";
import type { History } from "../../../services/domain/ports/history.ts";
import type { NewPriceBook, PriceBooks } from "../../../services/domain/ports/price-books.ts";
import type { StoredEvent } from "../../../services/domain/ports/records.ts";
import { CHARGE_FACTORS } from "../../../services/domain/rating/charges.ts";

import { H100 } from "../builders/price-books.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { MemoryTenantCharges } from "../doubles/memory-charges.ts";
import { MemoryDocuments } from "../doubles/memory-documents.ts";
import { memoryHistory } from "../doubles/memory-history.ts";
import { type LedgerRows, memoryLedger } from "../doubles/memory-ledger.ts";
import { sha256 } from "./settlement-pass.ts";

const NOW = Date.parse("2026-11-23T12:34:56.789Z");
const ENDED_MS = Date.parse("2026-11-23T10:20:00Z");
export const EVENT = `${ENDED_MS.toString(16).padStart(12, "0")}70008000000000000001`;
const HASH = "a".repeat(64);
const random = (bytes: number) => randomBytes(bytes).toString("hex");

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

function memoryBooks(): PriceBooks {
  const books: NewPriceBook[] = [];
  return {
    published: async () => books,
    async publish(book) {
      if (books.some(({ effective_from }) => effective_from === book.effective_from)) return "overlaps";
      books.push(book);
      return "published";
    },
  };
}

export type TestDeps = PricingDeps & ServerDeps & { readonly history: History };

export interface TestApi {
  readonly api: Api;
  readonly pricing: TestDeps;
  readonly clock: ManualClock;
  readonly keys: Readonly<Record<"acme" | "operator" | "admin", string>>;
  /** What was sent to the log. */
  readonly sent: { readonly key: Uint8Array; readonly value: Uint8Array }[];
  /** Asks as somebody; an Idempotency-Key of its own goes with every POST unless one is given. */
  ask(
    who: keyof TestApi["keys"] | "nobody",
    options: InjectOptions,
  ): Promise<{
    status: number;
    headers: Record<string, unknown>;
    body: Record<string, unknown> & { items: Record<string, unknown>[] };
  }>;
}

export async function testApi(changes: Partial<TestDeps> = {}): Promise<TestApi> {
  const clock = new ManualClock(NOW);
  const documents = new MemoryDocuments(clock);
  const sent: TestApi["sent"] = [];
  let ids = 0;
  const ledger = memoryLedger(ROWS);
  const pricing: TestDeps = {
    documents,
    books: memoryBooks(),
    ledger,
    closed_hours: ledger,
    verifier: ledger,
    codec: createRecordCodec(),
    history: memoryHistory({ sessions: [], usage: [], sales: [] }),
    charges: new MemoryTenantCharges(),
    focus: {
      async *file(_range, audience, { format }) {
        const whose = audience.kind === "all" ? "everybody" : audience.tenant_id;
        yield new TextEncoder().encode(`${format} of ${whose}`);
      },
    },
    corrections: { send: async (records) => void sent.push(...records) },
    webhookFault: (url) => urlFault(url, { allowsPrivate: true }),
    topic: "gpu-time-events",
    seller: "Meterhouse GmbH",
    eventAgeMsMax: 90 * 86_400_000,
    clock,
    log: createLog({ level: "silent", name: "test" }),
    hash: sha256,
    newId: () => `id-${++ids}`,
    isRetriable: () => false,
    rate: { perSecond: 1_000, burst: 100_000 },
    ...changes,
  };
  const make = async (scope: "tenant" | "operator" | "admin", tenant_id: string) => {
    const { key, document } = newKey({ scope, tenant_id, name: scope }, "test", { hash: sha256, random });
    await pricing.documents.append([document]);
    return key;
  };
  const keys = {
    acme: await make("tenant", "acme"),
    operator: await make("operator", ""),
    admin: await make("admin", ""),
  };
  const api = pricingApi(pricing);
  return {
    api,
    pricing,
    clock,
    keys,
    sent,
    async ask(who, options) {
      const authorization = who === "nobody" ? {} : { authorization: `Bearer ${keys[who]}` };
      const once = options.method === "POST" ? { "idempotency-key": random(8) } : {};
      const headers = { ...authorization, ...once, ...options.headers };
      const answer = await api.inject({ ...options, headers });
      const isJson = /^application[/](problem[+])?json/.test(String(answer.headers["content-type"]));
      const body = isJson ? answer.json() : { text: answer.body };
      return { status: answer.statusCode, headers: answer.headers, body };
    },
  };
}
