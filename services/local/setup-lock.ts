import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../adapters/clock/clock.ts";
import { LocalFailure } from "./failure.ts";
import { STATE_FOLDER } from "./paths.ts";

const POLL_MS = 200;
const WAIT_MS_MAX = 15 * 60_000;

/**
 * Runs `work` while no other set-up of this checkout runs. An SQLite file is the lock because the operating system
 * gives it back when its holder dies, in whatever way.
 */
export async function withSetupLock(say: (line: string) => void, work: () => Promise<void>): Promise<void> {
  const lock = new DatabaseSync(`${STATE_FOLDER}/setup.lock`);
  try {
    const deadline = systemClock.monotonicMs() + WAIT_MS_MAX;
    for (let attempt = 1; !takeLock(lock); attempt += 1) {
      if (attempt === 1) say("Another set-up is running; waiting for it …");
      if (systemClock.monotonicMs() > deadline)
        throw new LocalFailure("Another set-up does not come to its end.");
      await systemClock.sleep(POLL_MS);
    }
    await work();
  } finally {
    lock.close();
  }
}

function takeLock(lock: DatabaseSync): boolean {
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && /locked/.test(error.message)) return false;
    throw error;
  }
}
