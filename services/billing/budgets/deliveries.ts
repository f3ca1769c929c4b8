// Deliveries of alerts: at least once, under an id that stays the same. Each attempt is noted after it was made, so that a restart
// loses none and repeats at most the one that was under way.

import type { WrittenDocument } from "../../domain/ports/documents.ts";
import { formatHour, hourOf } from "../../domain/time/hour.ts";
import { everyDocument } from "../documents/every-document.ts";
import type { Alert, AlertDeps, AlertReport } from "./alert.ts";

export const DELIVERY_STATES = ["waiting", "delivered", "given_up"] as const;

/** How the delivery of an alert stands; its id is the alert's. */
export interface Delivery {
  readonly url: string;
  readonly state: (typeof DELIVERY_STATES)[number];
  readonly attempts: number;
  /** When it is tried next, milliseconds since 1970. */
  readonly next_at: number;
  /** What came of the last attempt. */
  readonly said: string;
}

const AUTHOR = "alerts";
/** The pause after the first attempt; it doubles up to an hour. */
const PAUSE_MS = 30_000;
const PAUSE_MS_MAX = 3_600_000;
const AT_ONCE = 16;
const PERIOD_MS_MAX = 40 * 86_400_000;

/** Tries every delivery that is due. */
export async function deliverAlerts(
  deps: AlertDeps,
  signal: AbortSignal | undefined,
): Promise<Omit<AlertReport, "raised">> {
  const { documents, clock, webhookAgeMsMax } = deps;
  // A period is a month at most, and its alerts are raised until a little after its end.
  const since = formatHour(hourOf(clock.nowMs() - webhookAgeMsMax - PERIOD_MS_MAX));
  const due: WrittenDocument[] = [];
  const counts = { delivered: 0, failed: 0, waiting: 0, given_up: 0 };
  for await (const written of everyDocument(documents, "alert_delivery", since)) {
    const { state, next_at } = written.content as Delivery;
    if (state !== "waiting") continue;
    if (next_at <= clock.nowMs()) due.push(written);
    else counts.waiting += 1;
  }
  for (let start = 0; start < due.length; start += AT_ONCE) {
    signal?.throwIfAborted();
    const states = await Promise.all(
      due.slice(start, start + AT_ONCE).map((it) => attempt(deps, it, signal)),
    );
    for (const state of states) {
      counts[state] += 1;
      if (state === "waiting") counts.failed += 1;
    }
  }
  return counts;
}

async function attempt(
  { documents, clock, webhooks, webhookAgeMsMax, log }: AlertDeps,
  { id, version, content }: WrittenDocument,
  signal: AbortSignal | undefined,
): Promise<Delivery["state"]> {
  const before = content as Delivery;
  const found = await documents.newest("alert", id);
  if (found === null) throw new Error(`the alert of delivery ${id} is gone`);
  const alert = found.content as Alert;
  const { isAccepted, detail } = await webhooks.send(
    { id, url: before.url, body: bodyOf(id, alert) },
    signal,
  );
  const now = clock.nowMs();
  const attempts = before.attempts + 1;
  const next_at = now + Math.min(PAUSE_MS * 2 ** before.attempts, PAUSE_MS_MAX);
  const isLate = next_at > Date.parse(alert.raised_at) + webhookAgeMsMax;
  const state = isAccepted ? "delivered" : isLate ? "given_up" : "waiting";
  const after: Delivery = { ...before, state, attempts, next_at, said: detail };
  const noted = { id, version: version + 1, content: after, written_by: AUTHOR, reason: detail };
  // Taken: another process tried it at the same time, and what that one noted stands.
  await documents.append([{ kind: "alert_delivery", ...noted }]);
  const about = { alert_id: id, tenant_id: alert.tenant_id, attempts, said: detail };
  if (state === "given_up") log.error(about, "a webhook was not accepted in time; it is given up");
  else if (state === "waiting" && attempts === 1)
    log.warn(about, "a webhook was not accepted; it is tried again");
  return state;
}

/** The same text at every attempt. */
function bodyOf(alert_id: string, alert: Alert): string {
  const { raised_at: timestamp } = alert;
  return JSON.stringify({ type: "budget.threshold_reached", timestamp, data: { alert_id, ...alert } });
}
