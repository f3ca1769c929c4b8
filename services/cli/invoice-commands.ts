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
  from: required({ ...from, help: "the first hour of the period (UTC), such as 2026-11-01T00:00Z" }),
  to: text("--to <hour>", "the first hour after the period; the end of the month where it is absent"),
};

export const INVOICE_COMMANDS = [
  apiCommand({
    name: "invoice draft",
    help: "Show what a tenant's invoice of a period comes to so far; keeps nothing.",
    options: { tenant: required(text("--tenant <id>", "whose invoice")), ...period, json },
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
    help: "Make the invoices of a period, once and for all. Ends with 1 if any was refused.",
    options: {
      ...period,
      tenant: { ...tenant, help: "only this tenant's; everybody's where it is absent" },
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
    help: "List invoices, the newest first.",
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
    options: { format: choice("--format <format>", "as a file's text", ["csv", "html"]), json },
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
    help: "Take a whole invoice back by a credit note; what it was for is then invoiced anew.",
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
