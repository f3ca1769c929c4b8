import type { Caller } from "../../domain/access/caller.ts";
import { isRefusal, type Refusal, refuse } from "../../domain/access/refusal.ts";
import type { Documents, NewDocument } from "../../domain/ports/documents.ts";

/** A request under an idempotency key. */
export interface KeyedRequest {
  readonly caller: Caller;
  readonly idempotency_key: string;
  readonly params: unknown;
  readonly body: unknown;
}

/** What a request does: the documents to append, and the reply, which is stored with them. */
export interface Effect<Reply> {
  readonly documents: readonly NewDocument[];
  readonly reply: Reply;
}

interface StoredReply<Reply> {
  readonly request_hash: string;
  readonly reply: Reply;
}

/**
 * Does a request once per idempotency key and caller. A repetition gets the same reply; another request under the same key is
 * refused. The reply is stored in the same insert as what the request changes. A refused request may be tried again.
 */
export async function withIdempotencyKey<Reply extends object, Code extends string = never>(
  { documents, hash }: { readonly documents: Documents; readonly hash: (text: string) => string },
  operation: string,
  { caller, params, body, idempotency_key }: KeyedRequest,
  work: () => Promise<Effect<Reply> | Refusal<Code>>,
): Promise<Reply | Refusal<Code> | Refusal> {
  const id = `${caller.key_id}:${idempotency_key}`;
  const request_hash = hash(JSON.stringify([operation, params, body]));
  const storedReply = async (): Promise<Reply | Refusal | null> => {
    const found = (await documents.newest("idempotency", id))?.content as StoredReply<Reply> | undefined;
    if (found === undefined) return null;
    return found.request_hash === request_hash ? found.reply : refuse("API_IDEMPOTENCY_KEY_USED");
  };
  const known = await storedReply();
  if (known !== null) return known;
  const effect = await work();
  if (isRefusal(effect)) return effect;
  const content: StoredReply<Reply> = { request_hash, reply: effect.reply };
  const note: NewDocument = {
    kind: "idempotency",
    id,
    version: 1,
    content,
    written_by: caller.key_id,
    reason: operation,
  };
  const result = await documents.append([...effect.documents, note]);
  if (result === "written") return effect.reply;
  // Either the same request came twice at once, or somebody else changed the same thing.
  return (await storedReply()) ?? refuse("API_VERSION_STALE");
}
