// Charges of tenants without a server: every revision that was rated, and the hours that wait.

import { revisionsOf } from "../../../services/billing/issued/invoice-inputs.ts";
import type { TenantHour } from "../../../services/domain/billing/statement.ts";
import type { ChargedHour, TenantCharges, WaitingHour } from "../../../services/domain/ports/charges.ts";
import type { HourRange } from "../../../services/domain/time/hour.ts";

export class MemoryTenantCharges implements TenantCharges {
  readonly #rated: { readonly tenant_id: string; readonly hour: TenantHour }[] = [];
  readonly waitingHours: WaitingHour[] = [];

  /** Of several revisions of an hour the last one is the newest. One without charges takes the hour from the tenant. */
  rate(tenant_id: string, ...hours: readonly TenantHour[]): void {
    this.#rated.push(...hours.map((hour) => ({ tenant_id, hour })));
  }

  tenants(): string[] {
    return [...new Set(this.#rated.map(({ tenant_id }) => tenant_id))].toSorted();
  }

  async revisions(tenant_id: string, { from, to }: HourRange) {
    const newest = new Map(this.#of(tenant_id).map((hour) => [hour.hour, hour]));
    return [...newest.values()]
      .filter(({ hour, charges }) => from <= hour && hour < to && charges.length > 0)
      .toSorted((a, b) => a.hour - b.hour)
      .map(({ hour, revision, price_book }) => ({ hour, revision, price_book }));
  }

  async hours(tenant_id: string, runs: Parameters<TenantCharges["hours"]>[1]): Promise<ChargedHour[]> {
    return revisionsOf(runs).flatMap((wanted) => {
      const found = this.#of(tenant_id).find(
        ({ hour, revision }) => hour === wanted.hour && revision === wanted.revision,
      );
      if (found === undefined) return [];
      const charge_ids = found.charges.map((_, index) => `${found.hour}-${found.revision}-${index}`);
      return [{ ...found, charge_ids }];
    });
  }

  async waiting(_tenant_id: string, { from, to }: HourRange, limit: number): Promise<WaitingHour[]> {
    return this.waitingHours.filter(({ hour }) => from <= hour && hour < to).slice(0, limit);
  }

  #of(tenant_id: string): TenantHour[] {
    return this.#rated.filter((it) => it.tenant_id === tenant_id).map(({ hour }) => hour);
  }
}
