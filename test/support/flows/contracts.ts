// A tenant with something to agree on: the demo's book with plans and offers, published from the start of 2026.

import { bookOf } from "../../../services/billing/books/books.ts";
import { readPriceBook } from "../../../services/domain/books/price-book.ts";
import { FULL_PLAN } from "../builders/plans.ts";
import { bookDocument } from "../builders/price-books.ts";
import type { TestDeps } from "./pricing-api.ts";
import { type TestApi, testApi } from "./pricing-api.ts";

const OFFERS = [
  {
    name: "hundred",
    unit: "composite_gpu_hour",
    quantity: "100",
    price: "200",
    valid_hours: 720,
    gpu_models: ["NVIDIA H100 80GB HBM3"],
  },
  { name: "prepay", unit: "currency", quantity: "50", price: "45", valid_hours: 8760 },
];

export async function publishBook(api: TestApi, parts: Readonly<Record<string, unknown>>): Promise<string> {
  const read = readPriceBook({ ...bookDocument(), ...parts });
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  const book = bookOf(read.book, "draft", api.pricing);
  await api.pricing.books.publish(book);
  return book.hash;
}

export async function contractApi(changes: Partial<TestDeps> = {}): Promise<TestApi> {
  const api = await testApi(changes);
  await publishBook(api, { plans: [FULL_PLAN, { name: "second" }], prepaid: OFFERS });
  await post(api, "/v1/tenants", { tenant_id: "initech", name: "Initech", currency: "USD" });
  return api;
}

/** As an operator, with a reason. */
export function post(api: TestApi, url: string, payload: object, headers: Record<string, string> = {}) {
  return api.ask("operator", { method: "POST", url, payload: { reason: "agreed", ...payload }, headers });
}
