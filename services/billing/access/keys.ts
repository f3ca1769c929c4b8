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
/** How long a revoked key may still be let in. */
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

/** Tells whose key it is. Hashes are compared, so that how long it takes tells nothing about a key. */
export function createAuthenticate(
  documents: Documents,
  { hash }: Pick<KeyTools, "hash">,
  clock: Clock,
): (key: string) => Promise<Caller | null> {
  const lookUp = async (id: string) =>
    ((await documents.newest("api_key", id))?.content ?? null) as StoredKey | null;
  // Looked up again by half time, so that of many requests none waits. A failure meanwhile reaches whoever waits.
  const age = { freshMs: CACHE_MS / 2, staleMs: CACHE_MS };
  const keys = new Cache<StoredKey | null>({ clock, weightMax: CACHED_MAX });
  return async (key) => {
    const id = PATTERN.exec(key)?.[1];
    if (id === undefined) return null;
    const { value: stored } = await keys.get(id, age, () => lookUp(id));
    if (stored === null || stored.is_revoked || stored.secret_hash !== hash(key)) return null;
    return { key_id: id, scope: stored.scope, tenant_id: stored.tenant_id };
  };
}
