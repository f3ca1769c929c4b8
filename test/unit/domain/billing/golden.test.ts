// P7: same inputs, same digits, on any machine. The file beside it is written by `vitest -u` only when a digit is meant to change.
import { expect, it } from "vitest";
import { invoiceText } from "../../../../services/domain/billing/invoice.ts";
import { goldenMonth } from "../../../support/builders/golden-month.ts";

it("a month with every part of a plan, and its correction, come to the same digits", async () => {
  const { first, second } = goldenMonth();
  const text = [first, second].map((invoice) => (invoice === null ? "" : invoiceText(invoice))).join("\n");
  await expect(text).toMatchFileSnapshot("./golden/invoices.txt");
});
