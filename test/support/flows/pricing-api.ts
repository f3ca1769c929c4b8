// The pricing API over rows in memory, with a key for each scope.

import { randomBytes } from "node:crypto";
import type { InjectOptions } from "fastify";
import { createRecordCodec } from "../../../services/adapters/avro/record-codec.ts";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import type { Api } from "../../../services/adapters/http/api.ts";
import { urlFault } from "../../../services/adapters/http/webhook-address.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { type PricingDeps, pricingApi, type ServerDeps } from "../../../services/api/app.ts";
import { newKey } from "../../../services/billing/access/keys.ts";
import type { History } from "../../../services/domain/ports/history.ts";
import type { NewPriceBook, PriceBooks } from "../../../services/domain/ports/price-books.ts";
import { NOW, ROWS } from "../builders/ledger-rows.ts";
import { CORRECTION_MACS } from "../builders/trust.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { MemoryTenantCharges } from "../doubles/memory-charges.ts";
import { MemoryDocuments } from "../doubles/memory-documents.ts";
import { memoryHistory } from "../doubles/memory-history.ts";
import { memoryLedger } from "../doubles/memory-ledger.ts";

const random = (bytes: number) => randomBytes(bytes).toString("hex");

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
    macOf: CORRECTION_MACS.macOf,
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
    metrics: createMetrics("pricing"),
    newId: () => `id-${++ids}`,
    isRetriable: () => false,
    rate: { perSecond: 1_000, burst: 100_000 },
    expensive_max: 4,
    trustedProxies: [],
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
