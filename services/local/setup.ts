import { mkdir } from "node:fs/promises";
import { engineLibrary } from "./engine-library.ts";
import { LocalFailure } from "./failure.ts";
import { fetchKafka, isKafkaThere } from "./kafka-jars.ts";
import { STATE_FOLDER } from "./paths.ts";
import { isVirtualEnvThere, makeVirtualEnv } from "./python.ts";
import { requireJava } from "./requirements.ts";
import { withSetupLock } from "./setup-lock.ts";

/**
 * Fetches what npm cannot: the broker's jars and the probe's Python packages. Run again it finds everything in place;
 * several at once wait for the first. Throws LocalFailure that says what to install.
 */
export async function setUp(say: (line: string) => void): Promise<void> {
  engineLibrary();
  await requireJava();
  const isComplete = async () => (await isKafkaThere()) && (await isVirtualEnvThere());
  if (await isComplete()) return;
  await mkdir(STATE_FOLDER, { recursive: true });
  await withSetupLock(say, async () => {
    if (!(await isKafkaThere())) {
      say("Fetching the Kafka broker from Maven Central (about 54 MB) …");
      await fetchKafka();
    }
    if (!(await isVirtualEnvThere())) {
      say("Installing the probe's Python packages into .venv …");
      await makeVirtualEnv();
    }
  });
  say("Set-up is complete.");
}

if (import.meta.main) {
  try {
    await setUp((line) => process.stdout.write(`${line}\n`));
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
