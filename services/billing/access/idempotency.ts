import { problem } from "../../adapters/http/problem.ts";
import type { Answer, Asked, Reply } from "../../adapters/http/route.ts";
import type { Documents, NewDocument } from "../../domain/ports/pricing.ts";

/** What a request does: the documents to append, and the answer. */
export interface Effect<Body> {
  readonly documents: readonly NewDocument[];
  readonly reply: Reply<Body>;
}

interface Remembered<Body> {
  readonly request_hash: string;
  readonly reply: Reply<Body>;
}

/**
 * Does a request once for its Idempotency-Key and caller; a repetition gets the same answer, another request under the same
 * key is refused. The answer is stored in the same insert as what the request changes. What was refused may be tried again.
 */
export async function once<Body>(
  { documents, hash }: { readonly documents: Documents; readonly hash: (text: string) => string },
  operation: string,
  asked: Asked<unknown, unknown, unknown>,
  work: () => Promise<Effect<Body> | Answer<Body>>,
): Promise<Answer<Body>> {
  const { caller, params, body, idempotency_key } = asked;
  const id = `${caller.key_id}:${idempotency_key}`;
  const request_hash = hash(JSON.stringify([operation, params, body]));
  const remembered = async (): Promise<Answer<Body> | null> => {
    const found = (await documents.newest("idempotency", id))?.content as Remembered<Body> | undefined;
    if (found === undefined) return null;
    return found.request_hash === request_hash ? found.reply : problem("API_IDEMPOTENCY_KEY_USED");
  };
  const known = await remembered();
  if (known !== null) return known;
  const effect = await work();
  if (!("documents" in effect)) return effect;
  const content: Remembered<Body> = { request_hash, reply: effect.reply };
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
  return (await remembered()) ?? problem("API_VERSION_STALE");
}
