import { parseArgs } from "node:util";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { LocalFailure } from "./failure.ts";
import { setUp } from "./setup.ts";
import { type StackOptions, startStack } from "./stack.ts";

const USAGE = "usage: node services/local/main.ts up [--directory D] [--kafka-port N] [--clickhouse-port N]";
const PORT_MAX = 65_535;

function optionsOf(args: readonly string[]): StackOptions {
  const { values, positionals } = understood(args);
  if (positionals.length !== 1 || positionals[0] !== "up") throw new LocalFailure(USAGE);
  const { directory } = values;
  const kafkaPort = portOf("--kafka-port", values["kafka-port"]);
  const clickhousePort = portOf("--clickhouse-port", values["clickhouse-port"]);
  return {
    // Who names a folder wants to find the data there again.
    ...(directory === undefined ? {} : { directory, keep: true }),
    ...(kafkaPort === undefined ? {} : { kafkaPort }),
    ...(clickhousePort === undefined ? {} : { clickhousePort }),
  };
}

function understood(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { directory: text, "kafka-port": text, "clickhouse-port": text },
    });
  } catch (error) {
    throw new LocalFailure(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

function portOf(flag: string, raw: string | undefined): number | undefined {
  if (raw === undefined) return undefined;
  const port = /^\d{1,5}$/.test(raw) ? Number(raw) : 0;
  if (port < 1 || port > PORT_MAX)
    throw new LocalFailure(`${flag} takes a port from 1 to ${PORT_MAX}, not "${raw}".`);
  return port;
}

await runProcess({ log: createLog({ level: "warn", name: "local" }) }, async (life) => {
  try {
    const options = optionsOf(process.argv.slice(2));
    await setUp((line) => process.stderr.write(`${line}\n`));
    const stack = await life.start(
      "stack",
      () => startStack(options),
      (started) => started.stop(),
    );
    const { kafkaBrokers, clickhouseUrl, directory, secretsFile } = stack;
    process.stdout.write(`${JSON.stringify({ kafkaBrokers, clickhouseUrl, directory, secretsFile })}\n`);
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    life.stop(1);
  }
});
