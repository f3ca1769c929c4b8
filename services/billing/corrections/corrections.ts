import type { Clock } from "../../domain/ports/clock.ts";
import type { ClosedHours, HourRevisions } from "../../domain/ports/closed-hours.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import type { CorrectionLog, RecordCodec, RecordLedger } from "../../domain/ports/records.ts";
// Taking an event out, putting another in its place, and who did so, when and why.

import type { Caller } from "../../domain/access/caller.ts";
import { type Refusal, refuse } from "../../domain/access/refusal.ts";
import type { NewDocument, WrittenDocument } from "../../domain/ports/documents.ts";
import type { StoredEvent } from "../../domain/ports/records.ts";

import { HOUR_S, parseHour } from "../../domain/time/hour.ts";
import type { MacOf } from "../../domain/trust/corrections.ts";
import { eventIdBytes, type Successor } from "./successor.ts";

export interface CorrectionDeps {
  readonly documents: Documents;
  readonly ledger: Pick<RecordLedger, "event" | "voidsOf"> & HourRevisions;
  readonly closed_hours: Pick<ClosedHours, "logFloor">;
  readonly corrections: CorrectionLog;
  readonly codec: RecordCodec;
  /** Null where no key is configured: voids and successors then go without a MAC. */
  readonly macOf: MacOf | null;
  readonly clock: Clock;
}

interface Correction {
  readonly action: "void" | "amend" | "successor";
  /** Of an amended event its successor; of a successor the event that it stands for. */
  readonly other_event_id: string | null;
}

export interface Corrected {
  readonly event_id: string;
  readonly action: "void" | "amend";
  readonly successor_id: string | null;
  readonly hours: string[];
}

const VERSIONS_MAX = 100;
const REVISIONS_MAX = 1_000;

interface Order {
  readonly reason: string;
  readonly caller: Caller;
}

/** The event, if it is there and still counts. An order that looks like this one is its own, from a try that broke off. */
export async function countedEvent(
  { ledger, closed_hours, documents }: CorrectionDeps,
  event_id: string,
  { reason, caller }: Order,
): Promise<StoredEvent | Refusal> {
  const event = await ledger.event(event_id);
  if (event === null) return refuse("API_NOT_FOUND");
  const floor = await closed_hours.logFloor();
  if (event.hours.some((hour) => (parseHour(hour) ?? 0) <= floor)) return refuse("HOUR_DROPPED");
  const last = (await documents.newest("correction", event_id))?.content as Correction | undefined;
  if (last?.action === "amend") return refuse("EVENT_AMENDED_ALREADY", last.other_event_id ?? "");
  if (last?.action === "void") return refuse("EVENT_NOT_COUNTED");
  const orders = await ledger.voidsOf(event_id);
  return orders.some((order) => order.issued_by !== caller.key_id || order.reason !== reason)
    ? refuse("EVENT_NOT_COUNTED")
    : event;
}

/**
 * Orders an event out, and its successor in where there is one. Sent first and noted then: should this process end in
 * between, the same request is done again, and what it sends twice counts once.
 */
export async function correct(
  { documents, corrections, codec, macOf, clock }: CorrectionDeps,
  event: StoredEvent,
  { reason, caller }: Order,
  successor: Extract<Successor, { ok: true }> | null,
): Promise<{ readonly documents: readonly NewDocument[]; readonly corrected: Corrected }> {
  const event_id = event.id;
  const written_by = caller.key_id;
  const order = codec.encodeVoid(
    {
      event_id: eventIdBytes(event_id),
      reason,
      issued_by: written_by,
      issued_at: clock.nowMs() * 1000,
      tenant_id: event.tenant_id,
    },
    macOf,
  );
  // in turn: they go to different partitions, and a successor whose event still counts would be charged beside it
  await corrections.send([order]);
  if (successor !== null) await corrections.send([successor.record]);

  const action = successor === null ? "void" : "amend";
  const successor_id = successor?.event_id ?? null;
  const note = (id: string, version: number, content: Correction): NewDocument => {
    return { kind: "correction", id, version, content, written_by, reason };
  };
  const before = await documents.newest("correction", event_id);
  const notes = [note(event_id, (before?.version ?? 0) + 1, { action, other_event_id: successor_id })];
  if (successor_id !== null) {
    notes.push(note(successor_id, 1, { action: "successor", other_event_id: event_id }));
  }
  return { documents: notes, corrected: { event_id, action, successor_id, hours: event.hours } };
}

/** What happened to an event: in the log, by this API, and to its hours. */
export async function historyOf({ ledger, documents }: CorrectionDeps, event: StoredEvent) {
  const written = await documents.versions("correction", event.id, VERSIONS_MAX);
  const closes = await Promise.all(
    event.hours.map((text) => {
      const from = parseHour(text) ?? 0;
      return ledger.hours({ from, to: from + HOUR_S }, { hour: "", revision: 0 }, REVISIONS_MAX);
    }),
  );
  return {
    event,
    voids: [...(await ledger.voidsOf(event.id))],
    corrections: written.map((it) => toCorrection(event.id, it)),
    revisions: closes
      .flat()
      .map(({ hour, revision, reason, closed_at }) => ({ hour, revision, reason, closed_at })),
  };
}

function toCorrection(event_id: string, { content, reason, written_by, written_at }: WrittenDocument) {
  const { action, other_event_id } = content as Correction;
  const when = new Date(written_at).toISOString();
  return { event_id, action, other_event_id, reason, written_by, written_at: when };
}
