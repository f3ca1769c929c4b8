// Waiting for what happens in another process.
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 25;
const DEADLINE_MS = 30_000;

/**
 * Asks until the answer is not undefined, and returns it. For what happens in another process, where no event can be
 * awaited. `what` is said when it does not come in time.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  { withinMs = DEADLINE_MS } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(POLL_MS);
  }
}
