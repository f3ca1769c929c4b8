// The demo's second half, through the pricing API as a finance department would: contracts, invoices, what came late.
import { systemClock } from "../../adapters/clock/clock.ts";
import { type PricingClient, pricingClient } from "../../client/client.ts";
import { formatHour, HOUR_S, type Hour, type HourRange } from "../../domain/time/hour.ts";
import { freePort } from "../ports.ts";
import { byElapsedTime, type PriceBookJson, whyText } from "./busy-bill.ts";
import { type Environment, runOnce, Service } from "./programs.ts";

const POLL_MS = 50;
/** Has a plan with tiers, a fee and a discount. */
export const PLANNED = "tenant-01";
/** Has bought a package of GPU-hours. */
const PREPAID = "tenant-02";
const BECAUSE = { reason: "the demo's contract" };

/** Tenants' contracts and invoices of the two hours around the boundary. */
export class Billing {
  private readonly service: Service;
  private readonly env: Environment;
  private readonly ask: PricingClient;
  private readonly period: { readonly period_from: string; readonly period_to: string };
  private readonly say: (line: string) => void;
  private requests = 0;

  private constructor(
    service: Service,
    env: Environment,
    ask: PricingClient,
    boundary: Hour,
    say: (line: string) => void,
  ) {
    this.service = service;
    this.env = env;
    this.ask = ask;
    this.period = { period_from: formatHour(boundary - HOUR_S), period_to: formatHour(boundary + HOUR_S) };
    this.say = say;
  }

  /** Starts the pricing service and makes a key for it. */
  static async open(pricing: Environment, boundary: Hour, say: (line: string) => void): Promise<Billing> {
    const made = await runOnce(
      "services/api/main.ts",
      ["key", "create", "--scope", "operator", "--name", "demo", "--json"],
      pricing,
    );
    const { key } = JSON.parse(made) as { key: string };
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const service = new Service("the pricing service", "services/api/main.ts", {
      ...pricing,
      METERHOUSE_API_PORT: String(port),
    });
    const env = { METERHOUSE_LOG_LEVEL: "warn", METERHOUSE_API_URL: url, METERHOUSE_API_KEY: key };
    const billing = new Billing(service, env, pricingClient({ url, key }), boundary, say);
    await billing.untilItAnswers();
    return billing;
  }

  /** Brings a price book into force, as `meterhouse price-book publish` says it. */
  publish(file: string): Promise<string> {
    return this.command("price-book", "publish", file);
  }

  async close(): Promise<void> {
    await this.service.end("SIGTERM");
  }

  /** One tenant subscribes to a plan, another one buys a package. */
  async agree(): Promise<void> {
    const { period_from: from } = this.period;
    const currency = "USD";
    for (const tenant_id of [PLANNED, PREPAID]) {
      const body = { tenant_id, name: `Customer ${tenant_id}`, currency, ...BECAUSE };
      await this.ask("createTenant", { header: this.newRequest(), body });
    }
    await this.ask("createSubscription", {
      path: { tenant_id: PLANNED },
      header: this.newRequest(),
      body: { plan: "team", from, to: null, ...BECAUSE },
    });
    await this.ask("buyPackage", {
      path: { tenant_id: PREPAID },
      header: this.newRequest(),
      body: { offer: "starter", starts_at: from, ...BECAUSE },
    });
    this.say(`${PLANNED} subscribes to the plan "team", ${PREPAID} buys the package "starter"`);
  }

  /** Finalises what has not been invoiced yet. Answers the ids of the new invoices by tenant. */
  async invoice(): Promise<Map<string, string>> {
    const { results } = await this.ask("finaliseInvoices", { header: this.newRequest(), body: this.period });
    const refused = results.find(({ status }) => status === "refused");
    if (refused !== undefined) throw new Error(`${refused.tenant_id}: ${refused.code} ${refused.detail}`);
    const made = results.flatMap(({ status, invoice }) =>
      status === "finalised" && invoice !== null ? [invoice] : [],
    );
    const numbers = made.map(({ number }) => Number(number)).toSorted((a, b) => a - b);
    const adjustments = made.reduce((sum, invoice) => sum + invoice.adjustments, 0);
    this.say(
      `${made.length} invoices are finalised, numbers ${numbers[0]} to ${numbers.at(-1)}, ${adjustments} lines of them adjustments`,
    );
    return new Map(made.map(({ tenant_id, invoice_id }) => [tenant_id, invoice_id]));
  }

  /** An invoice as `meterhouse invoice show` prints it. */
  show(invoice_id: string): Promise<string> {
    return this.command("invoice", "show", invoice_id);
  }

  /** A tenant's invoice of these hours, and why: elapsed and busy time, and what elapsed time would have cost by the same book. */
  async billBusyTime(tenant_id: string, { from, to }: HourRange, book: PriceBookJson): Promise<string> {
    const [hours, period] = [
      { from: formatHour(from), to: formatHour(to) },
      { period_from: formatHour(from), period_to: formatHour(to) },
    ];
    const { results } = await this.ask("finaliseInvoices", {
      header: this.newRequest(),
      body: { tenant_id, ...period },
    });
    const invoice_id = results[0]?.invoice?.invoice_id ?? "";
    const { items: charges } = await this.ask("listCharges", { query: { ...hours, tenant_id } });
    const compared = await this.ask("whatIf", {
      query: {},
      body: { ...hours, tenant_id, candidate: byElapsedTime(book) },
    });
    return [await this.show(invoice_id), ...whyText(charges, compared)].join("\n");
  }

  /** What `meterhouse verify` says of an invoice; it ends with 1 where something differs. */
  verify(invoice_id: string): Promise<string> {
    return this.command("verify", invoice_id);
  }

  private async command(...args: string[]): Promise<string> {
    return (await runOnce("services/cli/main.ts", args, this.env, [0, 1])).trimEnd();
  }

  private newRequest(): { "Idempotency-Key": string } {
    this.requests++;
    return { "Idempotency-Key": `demo-${this.requests}` };
  }

  private async untilItAnswers(): Promise<void> {
    const answers = () =>
      this.ask("listPriceBooks", {}).then(
        () => true,
        () => false,
      );
    while (!(await answers())) {
      this.service.check();
      await systemClock.sleep(POLL_MS);
    }
  }
}
