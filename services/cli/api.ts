// Commands that ask the pricing API.
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { ApiFailure, pricingClient, pricingDownload } from "../client/client.ts";
import type { ApiAction, Output } from "./api-command.ts";
import { API_COMMANDS } from "./api-commands.ts";
import { API_FIELDS } from "./config.ts";

const action = commandOrExit(API_COMMANDS);
const config = configOrExit("meterhouse", API_FIELDS);
const { text, exitCode } = await outputOf(action);
process.stdout.write(`${text.trimEnd()}\n`);
process.exitCode = exitCode;

async function outputOf(action: ApiAction): Promise<Output> {
  const access = { url: config.api_url, key: config.api_key.reveal() };
  try {
    return await action({
      ask: pricingClient(access),
      download: (operation, request) => pricingDownload(access, operation, request),
    });
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence === undefined) throw error;
    process.stderr.write(`meterhouse: ${sentence}\n`);
    return process.exit(EXIT.failed);
  }
}

function sentenceOf(error: unknown): string | undefined {
  if (error instanceof ApiFailure) {
    const faults = error.faults.map(({ path, message }) => `\n  ${path} ${message}`);
    return `${error.code} ${error.message}`.trim() + faults.join("");
  }
  const setting = "start the pricing service or correct METERHOUSE_API_URL";
  if (error instanceof TypeError)
    return `${config.api_url} cannot be reached, or its answer broke off: ${setting}`;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return `${config.api_url} has not answered in time: ask again later, or ${setting}`;
  }
  return undefined;
}
