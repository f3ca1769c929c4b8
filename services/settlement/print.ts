import type { HourClose } from "../domain/closing/revision.ts";
import { USAGE_KEYS } from "../domain/closing/usage.ts";
import { type HourVerification, verificationJson } from "../domain/closing/verification.ts";
import { formatDecimal } from "../domain/money/decimal.ts";
import type { HourRating } from "../domain/rating/charges.ts";
import { formatHour, type Hour } from "../domain/time/hour.ts";
import type { PassSummary } from "./pass.ts";

/** What a pass did, for a person or as one line of JSON. */
export function passText(pass: PassSummary, json: boolean): string {
  if (json) return JSON.stringify(passJson(pass));
  const lines = [
    ...pass.closed.map((close) => `closed   ${closeLine(close)}`),
    ...pass.revised.map((close) => `revised  ${closeLine(close)}: ${close.reason}`),
    ...pass.rated.map((rating) => `rated    ${ratingLine(rating)}`),
    ...pass.waiting.map((hour) => `waiting  ${formatHour(hour)}: not all of its records are counted yet`),
    ...pass.unpriced.map((hour) => `unpriced ${formatHour(hour)}: no price book has a price for all of it`),
  ];
  return lines.length === 0 ? "nothing to close" : lines.join("\n");
}

export function verificationText(hour: Hour, result: HourVerification | null, json: boolean): string {
  if (result === null) {
    return json
      ? JSON.stringify({ hour: formatHour(hour), revision: null })
      : `${formatHour(hour)} has no such revision`;
  }
  if (json) return JSON.stringify(verificationJson(hour, result));
  const say = (matches: boolean) => (matches ? "match" : "DIFFER");
  return [
    `${formatHour(hour)} revision ${result.revision}: ${result.content_hash}`,
    `  events in the log ${say(result.events_match)}`,
    `  usage rows        ${say(result.rows_match)}`,
    `  link of the chain ${result.chain_matches ? "matches" : "DIFFERS"}`,
    ...findingLines(result),
  ].join("\n");
}

/** What is not as it was counted, one line each. */
function findingLines({ keys, events, more_events, batches, more_batches }: HourVerification): string[] {
  const more = (count: number) => (count === 0 ? [] : [`  … and ${count} more`]);
  return [
    ...keys.flatMap((key) => [
      `  ${USAGE_KEYS.map((name) => key[name] || "-").join(", ")}`,
      ...key.differences.map(
        (it) => `    ${it.field}: closed with ${it.closed || "nothing"}, now ${it.recomputed || "nothing"}`,
      ),
    ]),
    ...events.map(
      (it) => `  event ${it.event_id} is ${it.finding} (${it.tenant_id}, ${place(it, it.kafka_offset)})`,
    ),
    ...more(more_events),
    ...batches.map((it) => {
      const without = it.offsets_without_row.length === 0 ? "" : `: no row at ${it.offsets_without_row}`;
      const from = place(it, it.first_offset);
      return `  batch from ${from} to ${it.last_offset} counted ${it.counted} records, ${it.found} are there${without}`;
    }),
    ...more(more_batches),
  ];
}

function place({ kafka_partition }: { readonly kafka_partition: number }, offset: bigint): string {
  return `partition ${kafka_partition}, offset ${offset}`;
}

function closeLine(close: HourClose): string {
  const counted = close.unique_ids - close.voided;
  const balance =
    close.failed_checks.length === 0 ? "" : `, OUT OF BALANCE (${close.failed_checks.join(", ")})`;
  return `${formatHour(close.hour)} revision ${close.revision}, ${counted} events${balance}`;
}

function ratingLine(rating: HourRating): string {
  const total = `${formatDecimal(rating.charges_total)} ${rating.currency}`;
  return `${formatHour(rating.hour)} revision ${rating.revision}: ${rating.rated} charges, ${total}`;
}

function passJson(pass: PassSummary): object {
  const close = ({ hour, revision, content_hash, chain_hash, failed_checks, reason }: HourClose) => ({
    hour: formatHour(hour),
    revision,
    reason,
    content_hash,
    chain_hash,
    failed_checks,
  });
  return {
    closed: pass.closed.map(close),
    revised: pass.revised.map(close),
    waiting: pass.waiting.map(formatHour),
    rated: pass.rated.map(({ hour, revision, rating, charges_total, operator_total, currency }) => ({
      hour: formatHour(hour),
      revision,
      rating,
      charges_total: formatDecimal(charges_total),
      operator_total: formatDecimal(operator_total),
      currency,
    })),
    unpriced: pass.unpriced.map(formatHour),
  };
}
