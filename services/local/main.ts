import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { UP_COMMANDS } from "./commands.ts";
import { LocalFailure } from "./failure.ts";
import { setUp } from "./setup.ts";
import { startStack } from "./stack.ts";

const { directory, kafkaPort, clickhousePort } = commandOrExit(UP_COMMANDS);

await runProcess({ log: createLog({ level: "warn", name: "local" }) }, async (life) => {
  try {
    await setUp((line) => process.stderr.write(`${line}\n`));
    const stack = await life.start(
      "stack",
      () =>
        startStack({
          // Who names a folder wants to find the data there again.
          ...(directory === undefined ? {} : { directory, keep: true }),
          ...(kafkaPort === undefined ? {} : { kafkaPort }),
          ...(clickhousePort === undefined ? {} : { clickhousePort }),
        }),
      (started) => started.stop(),
    );
    const { kafkaBrokers, clickhouseUrl, directory: folder, secretsFile, correctionKeyFile } = stack;
    process.stdout.write(
      `${JSON.stringify({ kafkaBrokers, clickhouseUrl, directory: folder, secretsFile, correctionKeyFile })}\n`,
    );
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    life.stop(EXIT.failed);
  }
});
