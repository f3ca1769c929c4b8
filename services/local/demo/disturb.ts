// What a real network does to a probe's events: copies, damage, and ids used twice. Chosen by their place in the order of
// ids, which is the order of time, so that every run of the demo has the same account.
import { recordDecoder, recordWriter } from "../../adapters/avro/codec.ts";
import type { KnownSchema } from "../../adapters/avro/schemas.ts";
import type { OutgoingRecord } from "../../adapters/kafka/producer.ts";

export interface Disturbance {
  readonly copies: OutgoingRecord[];
  readonly conflicts: OutgoingRecord[];
  readonly broken: OutgoingRecord[];
}

/** One of so many records is sent twice. */
const COPY_EVERY = 32;
const CONFLICTS = 3;
const LARGE_BYTES = 2_000_000;

export function disturbanceOf(
  records: readonly OutgoingRecord[],
  schemas: readonly KnownSchema[],
): Disturbance {
  const sorted = records
    .filter(
      (record): record is { key: Uint8Array; value: Uint8Array } =>
        record.key !== null && record.value !== null,
    )
    .sort((a, b) => Buffer.compare(a.key, b.key));
  const decode = recordDecoder(schemas, "gpu_time_event");
  const encode = recordWriter(schemas, "gpu_time_event");
  const events = sorted.filter(({ value }) => decode(value) !== undefined);
  return {
    copies: sorted.filter((_, i) => i % COPY_EVERY === 0),
    conflicts: events.slice(0, CONFLICTS).map(({ key, value }) => ({
      key,
      value: encode({ ...decode(value), probe_version: "another" }).value,
    })),
    broken:
      events.length === 0 ? [] : brokenCopies(events[0] as { key: Uint8Array; value: Uint8Array }, schemas),
  };
}

function brokenCopies(
  { key, value }: { key: Uint8Array; value: Uint8Array },
  schemas: readonly KnownSchema[],
): OutgoingRecord[] {
  const encode = recordWriter(schemas, "gpu_time_event");
  const fields = recordDecoder(schemas, "gpu_time_event")(value) ?? {};
  const with_ = (changes: Record<string, unknown>): OutgoingRecord => ({
    key,
    value: encode({ ...fields, ...changes }).value,
  });
  const unknownSchema = value.slice();
  unknownSchema.set([0xde, 0xad, 0xbe, 0xef], 2);
  return [
    { key, value: value.slice(0, value.length - 20) },
    { key, value: unknownSchema },
    { key, value: new Uint8Array(0) },
    { key, value: new TextEncoder().encode('{"this":"is JSON"}') },
    { key, value: new Uint8Array(LARGE_BYTES).fill(0xc3) },
    { key: null, value },
    { key: key.slice().reverse(), value },
    with_({ gpu_time_ns: -1 }),
    with_({ started_at: 0, ended_at: 0 }),
    with_({ ended_at: Date.UTC(2099, 0) * 1000 }),
    with_({ ended_at: Number(fields["started_at"]) - 1 }),
    with_({ tenant_id: "" }),
  ];
}
