import { describe, expect, it } from "vitest";
import {
  creditNoteText,
  draftText,
  invoiceText,
  listText,
  runText,
} from "../../../services/cli/invoice-text.ts";
import { DECEMBER_FROM, invoicingApi, NOVEMBER_FROM } from "../../support/flows/tenant-api.ts";

describe("what a person reads", () => {
  it("has every line as quantity x price = amount, adjustments with what they correct", async () => {
    const { use, ask, finalise } = await invoicingApi();
    const get = async (url: string) => (await ask("operator", { url })).body as never;
    const payload = { tenant_id: "acme", period_from: NOVEMBER_FROM };
    const draft = async () =>
      (await ask("operator", { method: "POST", url: "/v1/invoices/draft", payload })).body;
    use("acme", 10, 3600);
    const drafted = draftText((await draft()) as never);
    expect(drafted).toContain("Draft for acme, 2026-11-01T00:00:00Z up to 2026-12-01T00:00:00Z");
    expect(drafted).toContain("    0.775 composite GPU-hours x 2.50 = 1.9375, rounded 1.94 USD");
    const run = (await finalise(NOVEMBER_FROM)).body as never;
    expect(runText(run)).toContain("  acme: invoice 1, 1.94 USD, 1 line (");
    expect(draftText((await draft()) as never)).toContain("Nothing is left to invoice acme for");
    use("acme", 10, 3000, 2);
    await finalise(DECEMBER_FROM);
    const { items } = await get("/v1/invoices");
    expect(listText(items)).toContain("invoice 2, -0.32 USD, 1 line, 1 of them adjustments");
    const [{ invoice_id }] = items as [{ invoice_id: string }];
    const text = invoiceText(await get(`/v1/invoices/${invoice_id}`));
    expect(text).toContain("-0.129166666667 composite GPU-hours x 2.50 = -0.322916666667, rounded -0.32 USD");
    expect(text).toMatch(/corrects line [0-9a-f]{64} of [0-9a-f]{64}, period from 2026-11-01/);
    expect(text).toContain(`Total: -0.32 USD\nTo verify: meterhouse verify ${invoice_id}`);
    const url = `/v1/invoices/${invoice_id}/void`;
    const note = await ask("operator", { method: "POST", url, payload: { reason: "again" } });
    expect(creditNoteText(note.body as never)).toMatch(/^Credit note 1 takes invoice 2 back: 0\.32 USD/);
    expect(invoiceText(await get(`/v1/invoices/${invoice_id}`))).toContain("voided by credit note 1: again");
  });
});
