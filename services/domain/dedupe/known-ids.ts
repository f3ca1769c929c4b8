import type { PayloadHash } from "../event/payload-hash.ts";

/** An id that usage_log holds, and the hash of the record that was counted under it. */
export interface KnownId extends PayloadHash {
  readonly id: Uint8Array;
}

/** A map's key made of an id. */
export const idText = (id: Uint8Array): string => id.join();

/** For the few late ids of a batch. */
export const hashesById = (ids: readonly KnownId[]): ReadonlyMap<string, PayloadHash> =>
  new Map(ids.map(({ id, low, high }) => [idText(id), { low, high }]));
