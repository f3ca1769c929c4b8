// A line of an invoice, opened into the hours that it is made of. What was invoiced before an adjustment is computed again from
// what those invoices rest on, so that both sides can be followed down to sessions and events.

import type { InvoiceLine } from "../../domain/billing/invoice.ts";
import { lineKey } from "../../domain/billing/lines.ts";
import type { Allocation } from "../../domain/billing/statement.ts";
import { invoicesOf, type StoredInvoice } from "../issued/issued-invoices.ts";
import type { Invoicing } from "./draft-invoice.ts";
import { type Recomputed, recompute } from "./recompute.ts";

/** A part of a row of usage. Those that are add up to the line, less those that were invoiced before. */
export interface Part extends Allocation {
  readonly side: "is" | "was";
  readonly charge_id: string;
}

type LineShare = Omit<Part, "side">;
const SUMS = ["quantity", "gpu_time_ns", "amount"] as const;

/** Parts of a line, in order of hours; null where they do not add up to it, so that it is not what was stored once. */
export async function partsOf(
  pricing: Invoicing,
  stored: StoredInvoice,
  line: InvoiceLine,
): Promise<readonly Part[] | null> {
  const { invoices } = await invoicesOf(pricing.documents, stored.invoice.tenant_id);
  const tracer = new LineTracer(pricing, invoices, lineKey(line));
  const [is, was] = [await tracer.statedShares(stored), await tracer.earlierShares(stored)];
  const parts = [...withSide("is", is), ...withSide("was", was)];
  // Fees, discounts and what is bought in advance are made of no hours.
  const isMade = parts.length === 0 || SUMS.every((name) => sum(is, name) - sum(was, name) === line[name]);
  return isMade ? parts : null;
}

/** One line's parts in each invoice of a tenant that it is on. */
class LineTracer {
  readonly #pricing: Invoicing;
  readonly #invoices: ReadonlyMap<string, StoredInvoice>;
  readonly #key: string;
  readonly #recomputed = new Map<string, Promise<Recomputed>>();
  readonly #before = new Map<string, Promise<LineShare[]>>();

  constructor(pricing: Invoicing, invoices: readonly StoredInvoice[], key: string) {
    this.#pricing = pricing;
    this.#invoices = new Map(invoices.map((it) => [it.invoice.invoice_id, it]));
    this.#key = key;
  }

  /** What the line came to when this invoice was made, whatever was invoiced before. */
  async statedShares(stored: StoredInvoice): Promise<LineShare[]> {
    const { computed: settled, hours } = await this.#recompute(stored);
    if (!settled.ok) return [];
    const ids = new Map(hours.flatMap((it) => it.charges.map((charge, at) => [charge, it.charge_ids[at]])));
    return settled.statements
      .flatMap(({ allocations }) => allocations)
      .filter(({ line_key }) => line_key === this.#key)
      .map((part) => ({ ...part, charge_id: ids.get(part.charge) ?? "" }));
  }

  /** What earlier invoices had come to for the line. */
  earlierShares(stored: StoredInvoice): Promise<LineShare[]> {
    const { invoice_id } = stored.invoice;
    const known = this.#before.get(invoice_id) ?? this.#sumBefore(stored);
    this.#before.set(invoice_id, known);
    return known;
  }

  async #sumBefore(stored: StoredInvoice): Promise<LineShare[]> {
    const earlier = stored.basis.earlier.flatMap(({ invoice_id, state }) => {
      const found = this.#invoices.get(invoice_id);
      const isOn = found?.invoice.lines.some((line) => lineKey(line) === this.#key) === true;
      return state === "finalised" && found !== undefined && isOn ? [found] : [];
    });
    const signed: LineShare[] = [];
    for (const it of earlier) {
      signed.push(...(await this.statedShares(it)), ...(await this.earlierShares(it)).map(negative));
    }
    return cancelled(signed);
  }

  #recompute(stored: StoredInvoice): Promise<Recomputed> {
    const { invoice_id } = stored.invoice;
    const known = this.#recomputed.get(invoice_id) ?? recompute(this.#pricing, stored);
    this.#recomputed.set(invoice_id, known);
    return known;
  }
}

/** Without the parts of which one was added and the same taken back. */
function cancelled(parts: readonly LineShare[]): LineShare[] {
  const open = new Map<string, LineShare[]>();
  for (const part of parts) {
    const opposite = open.get(partKey(negative(part)))?.pop();
    if (opposite !== undefined) continue;
    const key = partKey(part);
    open.set(key, [...(open.get(key) ?? []), part]);
  }
  return [...open.values()].flat();
}

function partKey({ charge_id, quantity, gpu_time_ns, amount, unit_price }: LineShare): string {
  return `${charge_id}:${quantity}:${gpu_time_ns}:${amount}:${unit_price}`;
}

function negative(part: LineShare): LineShare {
  return { ...part, quantity: -part.quantity, gpu_time_ns: -part.gpu_time_ns, amount: -part.amount };
}

function withSide(side: Part["side"], parts: readonly LineShare[]): Part[] {
  return parts.map((part) => ({ ...part, side })).toSorted((a, b) => a.hour - b.hour);
}

function sum(parts: readonly LineShare[], name: (typeof SUMS)[number]): bigint {
  return parts.reduce((total, part) => total + part[name], 0n);
}
