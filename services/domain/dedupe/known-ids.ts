import type { HalfHash, PayloadHash } from "../event/payload-hash.ts";

/** An id that usage_log holds, and half the hash of the record that was counted under it. */
export interface KnownId extends HalfHash {
  readonly id: Uint8Array;
}

/** The same with the whole hash. */
export interface FoundId extends PayloadHash {
  readonly id: Uint8Array;
}

/** A map's key made of an id. */
export const idText = (id: Uint8Array): string => id.join();

/** For the few late ids of a batch. */
export const hashesById = (ids: readonly FoundId[]): ReadonlyMap<string, PayloadHash> =>
  new Map(ids.map((found) => [idText(found.id), found]));
