import type { KnownId } from "../ports/usage-log.ts";

/** Payload hashes by id, for the few late ids of a batch. */
export type IdMap = ReadonlyMap<string, { readonly low: number; readonly high: number }>;

export const bytesOf = (id: Uint8Array): string => id.join();

export const idMap = (known: readonly KnownId[]): IdMap =>
  new Map(known.map(({ id, low, high }) => [bytesOf(id), { low, high }]));
