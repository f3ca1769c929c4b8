// Producers that are not ours, and what they leave in the broker's log.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { EncodedRecord } from "../../../services/domain/ports/records.ts";
import { KAFKA_JARS, PYTHON } from "../../../services/local/paths.ts";
import type { Flow } from "../flows/flow.ts";
import { sharedStack } from "../stack/stack.ts";

export type Codec = "none" | "gzip" | "snappy" | "lz4" | "zstd";
export type Producer = "java" | "librdkafka";

const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const COMMANDS: Readonly<Record<Producer, readonly [string, ...string[]]>> = {
  java: ["java", "-cp", join(KAFKA_JARS, "*"), source("Produce.java")],
  librdkafka: [PYTHON, source("produce.py")],
};

/** Resolves once the broker has them all. */
export async function produceBy(
  producer: Producer,
  { topic, target }: Flow,
  codec: Codec,
  records: readonly EncodedRecord[],
): Promise<void> {
  const [command, ...first] = COMMANDS[producer];
  const child = spawn(command, [...first, target.kafkaBrokers.join(), topic, codec], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  const ended = once(child, "close");
  const said = text(child.stderr);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  child.stdin.end(records.map(({ key, value }) => `${base64(key)} ${base64(value)}\n`).join(""));
  const [code] = await ended;
  if (code !== 0) throw new Error(`${producer} ended with ${code}:\n${await said}`);
}

/** The newest segment of a partition's log, as the broker has it on disk. */
export async function openLog({ topic }: Flow, partition: number) {
  const name = `${"0".repeat(20)}.log`;
  return open(join(sharedStack().directory, "kafka", `${topic}-${partition}`, name), "r+");
}
