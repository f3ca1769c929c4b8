import { rm } from "node:fs/promises";
import { runCommand } from "./command.ts";
import { LocalFailure } from "./failure.ts";
import { KAFKA_JARS, KAFKA_POM } from "./paths.ts";
import { requireMaven } from "./requirements.ts";
import { isMadeFrom, markMadeFrom } from "./stamp.ts";

export function isKafkaThere(): Promise<boolean> {
  return isMadeFrom(KAFKA_JARS, KAFKA_POM);
}

/** Fetches the jars that pom.xml names. */
export async function fetchKafka(): Promise<void> {
  await requireMaven();
  await rm(KAFKA_JARS, { recursive: true, force: true });
  const { code, output } = await runCommand("mvn", [
    "--batch-mode",
    "--quiet",
    "--file",
    KAFKA_POM,
    "dependency:copy-dependencies",
    `-DoutputDirectory=${KAFKA_JARS}`,
  ]);
  if (code !== 0) throw new LocalFailure(`Maven could not fetch the Kafka broker:\n${output.trim()}`);
  await markMadeFrom(KAFKA_JARS, KAFKA_POM);
}
