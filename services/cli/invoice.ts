// meterhouse invoice: drafts, finalised invoices and credit notes, by way of the pricing API.
import { text as textOf } from "node:stream/consumers";
import { secret, url } from "../adapters/config/fields.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, sha256 } from "../adapters/crypto/crypto.ts";
import { ApiFailure, pricingClient, pricingDownload } from "../client/client.ts";
import { type InvoiceCommand, readInvoiceCommand } from "./invoice-command.ts";
import { creditNoteText, draftText, invoiceText, listText, runText } from "./invoice-text.ts";

const FAULTY_EXIT = 2;

const FIELDS = {
  api_url: url("METERHOUSE_API_URL", { default: "http://127.0.0.1:8080" }),
  api_key: secret("METERHOUSE_API_KEY"),
};

const command = readInvoiceCommand(process.argv.slice(2));
if (command.kind === "fault") end(command.problem, FAULTY_EXIT);
const config = configOrExit("meterhouse", FIELDS);
const access = { url: config.api_url, key: config.api_key.reveal() };
const ask = pricingClient(access);
try {
  process.stdout.write(`${(await answer(command)).trimEnd()}\n`);
} catch (error) {
  if (error instanceof ApiFailure) {
    const faults = error.faults.map(({ path, message }) => `\n  ${path} ${message}`);
    end(`${error.code} ${error.message}`.trim() + faults.join(""), 1);
  }
  if (error instanceof TypeError) end(`${config.api_url} cannot be reached`, 1);
  throw error;
}

async function answer(asked: Exclude<InvoiceCommand, { kind: "fault" }>): Promise<string> {
  const shown = <Reply>(reply: Reply, words: (reply: Reply) => string) =>
    asked.json ? JSON.stringify(reply) : words(reply);
  switch (asked.kind) {
    case "draft": {
      const { kind: _kind, json: _json, ...body } = asked;
      return shown(await ask("draftInvoice", { body }), draftText);
    }
    case "finalise": {
      const { kind: _kind, json: _json, ...body } = asked;
      // A run is done once by itself; the same key would hide what came late between two runs.
      const header = { "Idempotency-Key": newId() };
      return shown(await ask("finaliseInvoices", { header, body }), runText);
    }
    case "list": {
      const { tenant_id } = asked;
      const query = tenant_id === undefined ? {} : { tenant_id };
      return shown((await ask("listInvoices", { query })).items, listText);
    }
    case "show": {
      const { id: invoice_id, format } = asked;
      const path = { invoice_id };
      if (format !== undefined)
        return textOf(pricingDownload(access, "getInvoice", { path, query: { format } }));
      return shown(await ask("getInvoice", { path }), invoiceText);
    }
    case "void": {
      const { id: invoice_id, reason } = asked;
      // The same command is the same request: run again, it changes nothing.
      const header = { "Idempotency-Key": sha256(JSON.stringify(["void-invoice", invoice_id, reason])) };
      return shown(
        await ask("voidInvoice", { path: { invoice_id }, header, body: { reason } }),
        creditNoteText,
      );
    }
  }
}

function end(sentence: string, code: number): never {
  process.stderr.write(`meterhouse: ${sentence}\n`);
  process.exit(code);
}
