// meterhouse invoice: drafts, finalised invoices and credit notes.
import { text as textOf } from "node:stream/consumers";
import { Faults } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { choice, required, text } from "../adapters/command/options.ts";
import { newId, sha256 } from "../adapters/crypto/crypto.ts";
import { apiCommand, from, given, json, output, reason, reasonOf, tenant } from "./api-command.ts";
import { creditNoteText, draftText, invoiceText, listText, runText } from "./invoice-text.ts";

const invoiceId = { name: "<invoice id>", help: "64 hexadecimal digits" };
const period = {
  from: required({ ...from, help: "start of the period in UTC, inclusive, such as 2026-11-01T00:00Z" }),
  to: text("--to <hour>", "end of the period in UTC, exclusive; the end of the month by default"),
};

export const INVOICE_COMMANDS = [
  apiCommand({
    name: "invoice draft",
    help: "Draft a tenant's invoice of a period; nothing is stored.",
    options: { tenant: required(text("--tenant <id>", "the tenant to invoice")), ...period, json },
    read:
      (options) =>
      async ({ ask }) => {
        const body = {
          tenant_id: options.tenant,
          period_from: options.from,
          ...given({ period_to: options.to }),
        };
        return output(await ask("draftInvoice", { body }), { json: options.json, words: draftText });
      },
  }),
  apiCommand({
    name: "invoice finalise",
    help: "Finalise the invoices of a period; exits with 1 if any was refused.",
    options: {
      ...period,
      tenant: { ...tenant, help: "only this tenant; all tenants by default" },
      json,
    },
    read:
      (options) =>
      async ({ ask }) => {
        const body = {
          period_from: options.from,
          ...given({ period_to: options.to, tenant_id: options.tenant }),
        };
        // A run is done once by itself; the same key would hide what came late between two runs.
        const header = { "Idempotency-Key": newId() };
        const reply = await ask("finaliseInvoices", { header, body });
        const isGood = reply.results.every(({ status }) => status !== "refused");
        return output(reply, { json: options.json, words: runText, isGood });
      },
  }),
  apiCommand({
    name: "invoice list",
    help: "List invoices, newest first.",
    options: { tenant, json },
    read:
      (options) =>
      async ({ ask }) => {
        const { items } = await ask("listInvoices", { query: given({ tenant_id: options.tenant }) });
        return output(items, { json: options.json, words: listText });
      },
  }),
  apiCommand({
    name: "invoice show",
    help: "Show an invoice line by line.",
    argument: invoiceId,
    options: { format: choice("--format <format>", "print the invoice as a file", ["csv", "html"]), json },
    read:
      ({ format, json }, invoice_id) =>
      async ({ ask, download }) => {
        const path = { invoice_id };
        if (format === undefined)
          return output(await ask("getInvoice", { path }), { json, words: invoiceText });
        const file = await textOf(download("getInvoice", { path, query: { format } }));
        return { text: file, exitCode: EXIT.done };
      },
  }),
  apiCommand({
    name: "invoice void",
    help: "Void an invoice with a credit note; its usage goes on the next invoice.",
    argument: invoiceId,
    options: { reason: required(reason), json },
    read(options, invoice_id) {
      const because = reasonOf(options.reason, "an invoice");
      if (because instanceof Faults) return because;
      return async ({ ask }) => {
        // The same command is the same request: run again, it changes nothing.
        const header = { "Idempotency-Key": sha256(JSON.stringify(["void-invoice", invoice_id, because])) };
        const reply = await ask("voidInvoice", { path: { invoice_id }, header, body: { reason: because } });
        return output(reply, { json: options.json, words: creditNoteText });
      };
    },
  }),
];
