// A command of the API as it is typed, against whatever stands in for the API.
import { readCommandLine } from "../../../services/adapters/command/command.ts";
import type { Api, Output } from "../../../services/cli/api-command.ts";
import { API_COMMANDS } from "../../../services/cli/api-commands.ts";
import { pricingClient, pricingDownload } from "../../../services/client/client.ts";

/** What is wrong with a command line, or help: what is said of it and the exit code. */
export function fault(...argv: string[]): Output {
  const line = readCommandLine(API_COMMANDS, argv);
  if (line.kind === "command") throw new Error(`${argv.join(" ")} is understood`);
  return line;
}

export async function type(api: Api, ...argv: string[]): Promise<Output> {
  const line = readCommandLine(API_COMMANDS, argv);
  if (line.kind === "text") throw new Error(line.text);
  return line.command(api);
}

/** The API at an address. */
export function apiAt(url: string, key: string): Api {
  const access = { url, key };
  return {
    ask: pricingClient(access),
    download: (operation, question) => pricingDownload(access, operation, question),
  };
}

/** The request that a command makes of the API, which answers it with `reply`. */
export async function requestOf(
  argv: readonly string[],
  reply: unknown = { items: [], next_cursor: null },
): Promise<unknown[]> {
  const questions: unknown[] = [];
  const ask = async (operation: string, what: unknown) => {
    questions.push(operation, what);
    return reply;
  };
  await type({ ask, download: async function* () {} } as unknown as Api, ...argv).catch(() => undefined);
  return questions;
}
