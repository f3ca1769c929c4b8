// Commands that ask the pricing API: meterhouse explain, history, verify, void, quote, what-if and index.
import { secret, url } from "../adapters/config/fields.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { sha256 } from "../adapters/crypto/crypto.ts";
import { ApiFailure, pricingClient } from "../client/client.ts";
import { type ApiCommand, readApiCommand } from "./api-command.ts";
import { answerQuestion } from "./question.ts";
import { verificationText } from "./verification-text.ts";

const FAULTY_EXIT = 2;

const FIELDS = {
  api_url: url("METERHOUSE_API_URL", { default: "http://127.0.0.1:8080" }),
  api_key: secret("METERHOUSE_API_KEY"),
};

const command = readApiCommand(process.argv.slice(2));
if (command.kind === "fault") end(command.problem, FAULTY_EXIT);
const config = configOrExit("meterhouse", FIELDS);
const ask = pricingClient({ url: config.api_url, key: config.api_key.reveal() });
try {
  process.stdout.write(`${await answer(command)}\n`);
} catch (error) {
  if (error instanceof ApiFailure) end(`${error.code} ${error.message}`.trim(), 1);
  if (error instanceof TypeError) end(`${config.api_url} cannot be reached`, 1);
  throw error;
}

async function answer(asked: Exclude<ApiCommand, { kind: "fault" }>): Promise<string> {
  switch (asked.kind) {
    case "question":
      return answerQuestion(ask, asked.question, asked.json);
    case "explain": {
      const { charge, steps } = await ask("explainCharge", { path: { charge_id: asked.id } });
      if (asked.json) return JSON.stringify({ charge, steps });
      const rows = steps.map(({ what, how, value }) => `  ${what.padEnd(13)} ${value.padStart(22)}  ${how}`);
      const head = `${charge.billed_to}, ${charge.hour}, revision ${charge.revision}: ${charge.charge} ${charge.currency}`;
      return [head, ...rows, `  GPU time shared by ${charge.apportionments.join(", ")}`].join("\n");
    }
    case "history": {
      const history = await ask("eventHistory", { path: { event_id: asked.id } });
      return JSON.stringify(history, null, asked.json ? 0 : 2);
    }
    case "verify": {
      const path = { invoice_id: asked.id };
      const verified = await ask("verifyInvoice", { path, query: { depth: asked.depth } });
      if (!verified.matches) process.exitCode = 1;
      return asked.json ? JSON.stringify(verified) : verificationText(verified);
    }
    case "void": {
      const { id: event_id, reason } = asked;
      // The same command is the same request: run again, it changes nothing.
      const header = { "Idempotency-Key": sha256(JSON.stringify(["void", event_id, reason])) };
      const done = await ask("voidEvent", { path: { event_id }, header, body: { reason } });
      return asked.json
        ? JSON.stringify(done)
        : `${event_id} is taken out; revised as settlement goes on: ${done.hours.join(", ")}`;
    }
  }
}

function end(sentence: string, code: number): never {
  process.stderr.write(`meterhouse: ${sentence}\n`);
  process.exit(code);
}
