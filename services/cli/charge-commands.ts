// meterhouse explain, history, void and verify: how a figure came about, and putting it right.

import { Faults } from "../adapters/command/command.ts";
import { choice, otherwise, required } from "../adapters/command/options.ts";
import { sha256 } from "../adapters/crypto/crypto.ts";
import { apiCommand, json, output, reason, reasonOf } from "./api-command.ts";
import { explanationText, verificationText } from "./charge-text.ts";

const DEPTHS = ["lines", "charges", "events"] as const;

export const CHARGE_COMMANDS = [
  apiCommand({
    name: "explain",
    help: "Show how a charge was computed, factor by factor.",
    argument: { name: "<charge id>", help: "a charge_id of GET /v1/charges" },
    options: { json },
    read:
      (options, charge_id) =>
      async ({ ask }) => {
        const reply = await ask("explainCharge", { path: { charge_id } });
        return output(reply, { json: options.json, words: explanationText });
      },
  }),
  apiCommand({
    name: "history",
    help: "Show an event, its corrections and the revisions of its hours.",
    argument: { name: "<event id>", help: "32 hexadecimal digits" },
    options: { json },
    read:
      (options, event_id) =>
      async ({ ask }) => {
        const reply = await ask("eventHistory", { path: { event_id } });
        return output(reply, { json: options.json, words: (history) => JSON.stringify(history, null, 2) });
      },
  }),
  apiCommand({
    name: "void",
    help: "Void an event: later revisions leave it out, and adjustments follow.",
    argument: { name: "<event id>", help: "32 hexadecimal digits" },
    options: { reason: required(reason), json },
    read(options, event_id) {
      const because = reasonOf(options.reason, "an event");
      if (because instanceof Faults) return because;
      return async ({ ask }) => {
        // The same command is the same request: run again, it changes nothing.
        const header = { "Idempotency-Key": sha256(JSON.stringify(["void", event_id, because])) };
        const reply = await ask("voidEvent", { path: { event_id }, header, body: { reason: because } });
        return output(reply, {
          json: options.json,
          words: ({ hours }) =>
            `${event_id} is taken out; revised as settlement goes on: ${hours.join(", ")}`,
        });
      };
    },
  }),
  apiCommand({
    name: "verify",
    help:
      "Recompute an invoice and report what differs; exits with 1 if anything does. " +
      "With --hour, recompute a closed hour instead: see meterhouse verify --hour --help.",
    argument: { name: "<invoice id>", help: "64 hexadecimal digits; or --hour <hour> for a closed hour" },
    options: {
      depth: otherwise(choice("--depth <depth>", "what to recompute from", DEPTHS), "events"),
      json,
    },
    read:
      ({ depth, json }, invoice_id) =>
      async ({ ask }) => {
        const reply = await ask("verifyInvoice", { path: { invoice_id }, query: { depth } });
        return output(reply, { json, words: verificationText, isGood: reply.matches });
      },
  }),
];
