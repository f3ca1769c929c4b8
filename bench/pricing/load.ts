// Requests at a fixed rate, whether or not earlier ones have been answered. Each is timed from the moment it was due, so that a
// server that stalls is charged for everything that queued up behind the stall (Tene, "How NOT to measure latency").
import { systemClock } from "../../services/adapters/clock/clock.ts";

export interface LoadRequest {
  readonly url: string;
  readonly key: string;
  readonly body?: unknown;
}

export interface Latency {
  readonly requests: number;
  readonly requests_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

/** Sends `requestOf(i)` for `seconds` at `perSecond`; throws at the first answer that is not 200. */
export async function load(
  requestOf: (i: number) => LoadRequest,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Latency> {
  const count = perSecond * seconds;
  const began = systemClock.monotonicMs();
  const running: Promise<number>[] = [];
  for (let i = 0; i < count; i++) {
    const due = began + (i * 1000) / perSecond;
    const wait = due - systemClock.monotonicMs();
    if (wait > 0) await systemClock.sleep(wait);
    running.push(send(requestOf(i), due));
  }
  const sorted = (await Promise.all(running)).toSorted((a, b) => a - b);
  const at = (percent: number): number => {
    const rank = Math.ceil((percent * sorted.length) / 100) - 1;
    return Number((sorted[rank] ?? Number.NaN).toFixed(2));
  };
  return { requests: count, requests_per_s: perSecond, p50_ms: at(50), p99_ms: at(99), max_ms: at(100) };
}

async function send({ url, key, body }: LoadRequest, due: number): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const reply = await fetch(
    url,
    body === undefined
      ? { headers }
      : {
          method: "POST",
          headers: { ...headers, "content-type": "application/json" },
          body: JSON.stringify(body),
        },
  );
  const text = await reply.text();
  if (reply.status !== 200) throw new Error(`${url} answered ${reply.status}: ${text.slice(0, 500)}`);
  return systemClock.monotonicMs() - due;
}
