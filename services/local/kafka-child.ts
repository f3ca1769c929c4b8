import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Runs the broker's JVM and dies with its parent: when the channel to the parent closes it kills the JVM, which cannot
 * watch for that by itself. Tells the parent the JVM's process id and when the broker takes requests.
 */
export type KafkaMessage = { readonly pid: number } | { readonly ready: true };

const STARTED = "Kafka Server started";
const tell = (message: KafkaMessage) => process.send?.(message);

const java = spawn("java", process.argv.slice(2), { stdio: ["ignore", "pipe", "pipe"] });
const die = () => {
  java.kill("SIGKILL");
  process.exit(1);
};
process.on("disconnect", die);
if (!process.connected) die();
process.on("message", () => java.kill("SIGTERM"));
java.on("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
java.on("exit", (code) => process.exit(code ?? 1));
if (java.pid !== undefined) tell({ pid: java.pid });

for (const stream of [java.stdout, java.stderr]) {
  createInterface({ input: stream }).on("line", (line) => {
    process.stdout.write(`${line}\n`);
    if (line.includes(STARTED)) tell({ ready: true });
  });
}
