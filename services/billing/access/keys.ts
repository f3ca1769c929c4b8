import type { Authentication } from "../../domain/access/authentication.ts";
import type { Caller, Scope } from "../../domain/access/caller.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Documents, NewDocument } from "../../domain/ports/documents.ts";
import { Cache } from "../cache/cache.ts";

/** What is stored of an API key. The key itself is not: only its hash, which nobody can turn back. */
export interface StoredKey {
  readonly secret_hash: string;
  readonly scope: Scope;
  /** Empty unless the scope is tenant. */
  readonly tenant_id: string;
  readonly name: string;
  readonly is_revoked: boolean;
}

export interface KeyTools {
  readonly hash: (text: string) => string;
  /** So many random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
}

const KEY_ID_BYTES = 6;
/** Too many to be guessed, so that a plain hash is as good as a slow one. */
const SECRET_BYTES = 32;
const PATTERN = /^mh_([0-9a-f]{12})_[0-9a-f]{64}$/;
/** How long a revoked key may still be let in, and a new one refused whose id was tried before it was made. */
const CACHE_MS = 5_000;
const CACHED_MAX = 10_000;

/** A new API key and the document that is stored of it. The key is shown once and never again. */
export function newKey(
  owner: { scope: Scope; tenant_id: string; name: string },
  written_by: string,
  { hash, random }: KeyTools,
): { readonly key: string; readonly document: NewDocument } {
  const id = random(KEY_ID_BYTES);
  const key = `mh_${id}_${random(SECRET_BYTES)}`;
  const content: StoredKey = { ...owner, secret_hash: hash(key), is_revoked: false };
  return { key, document: { kind: "api_key", id, version: 1, content, written_by, reason: "created" } };
}

/**
 * Tells whose key it is. Hashes are compared, so that how long it takes tells nothing about a key. Ids that there are not are
 * remembered apart: however many somebody tries, they push no true key out.
 */
export function createAuthentication(
  documents: Documents,
  { hash }: Pick<KeyTools, "hash">,
  clock: Clock,
): Authentication {
  const lookUp = async (id: string) =>
    ((await documents.newest("api_key", id))?.content ?? null) as StoredKey | null;
  // Looked up again by half time, so that of many requests none waits. A failure meanwhile reaches whoever waits.
  const age = { freshMs: CACHE_MS / 2, staleMs: CACHE_MS };
  const known = new Cache<StoredKey | null>({ clock, weightMax: CACHED_MAX });
  const unknown = new Map<string, number>();
  const isUnknown = (id: string): boolean => clock.monotonicMs() - (unknown.get(id) ?? -CACHE_MS) < CACHE_MS;
  const forget = (id: string): void => {
    unknown.delete(id);
    unknown.set(id, clock.monotonicMs());
    const [oldest] = unknown.keys();
    if (unknown.size > CACHED_MAX && oldest !== undefined) unknown.delete(oldest);
  };
  const callerOf = (id: string, stored: StoredKey, key: string): Caller | null =>
    stored.is_revoked || stored.secret_hash !== hash(key)
      ? null
      : { key_id: id, scope: stored.scope, tenant_id: stored.tenant_id };
  return {
    remembered(key) {
      const id = PATTERN.exec(key)?.[1];
      if (id === undefined || isUnknown(id)) return null;
      const stored = known.peek(id);
      return stored === undefined || stored === null ? undefined : callerOf(id, stored, key);
    },
    async lookUp(key) {
      const id = PATTERN.exec(key)?.[1];
      if (id === undefined || isUnknown(id)) return null;
      const { value: stored } = await known.get(id, age, () => lookUp(id));
      if (stored !== null) return callerOf(id, stored, key);
      known.drop(id);
      forget(id);
      return null;
    },
  };
}
