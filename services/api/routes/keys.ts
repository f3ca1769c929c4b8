import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import type { StoredKey } from "../../billing/access/keys.ts";
import type { Documents, WrittenDocument } from "../../domain/ports/documents.ts";

import { isoText } from "../../domain/time/hour.ts";
import { pageOf } from "../paging.ts";
import { KeyParams, KeyShape, PAGE, page, query } from "../schemas.ts";

interface Deps {
  readonly documents: Documents;
}

const PLACE = [/^[0-9a-f]{12}$/];
const ADMINS = ["admin"] as const;

/** API keys without their secrets. They are made on the command line, where nothing repeats a secret. */
export function keyRoutes(deps: Deps) {
  return [listKeys(deps), revokeKey(deps)];
}

const listKeys = ({ documents }: Deps) =>
  route({
    method: "GET",
    path: "/v1/keys",
    operation: "listKeys",
    summary: "List API keys, without their secrets",
    scopes: ADMINS,
    query: query(PAGE),
    reply: page(KeyShape),
    handle: ({ query }) =>
      pageOf(
        query,
        PLACE,
        async ([after = ""], limit) => (await documents.list("api_key", after, limit)).map(toResponse),
        ({ key_id }) => [key_id],
      ),
  });

const revokeKey = ({ documents }: Deps) =>
  route({
    method: "DELETE",
    path: "/v1/keys/{key_id}",
    operation: "revokeKey",
    summary: "Revoke an API key; it stops working within five seconds",
    scopes: ADMINS,
    params: KeyParams,
    reply: KeyShape,
    async handle({ params: { key_id }, caller }) {
      const before = await documents.newest("api_key", key_id);
      if (before === null) return problem("API_NOT_FOUND");
      const stored = before.content as StoredKey;
      if (stored.is_revoked) return { body: toResponse(before) };
      const content: StoredKey = { ...stored, is_revoked: true };
      const version = before.version + 1;
      const document = { id: key_id, version, content, written_by: caller.key_id, reason: "revoked" };
      const result = await documents.append([{ kind: "api_key", ...document }]);
      if (result === "version_taken") return problem("API_VERSION_STALE");
      return { body: toResponse((await documents.newest("api_key", key_id)) ?? before) };
    },
  });

function toResponse({ id, content, written_at, written_by }: WrittenDocument) {
  const { scope, tenant_id, name, is_revoked } = content as StoredKey;
  const when = isoText(written_at);
  return { key_id: id, scope, tenant_id, name, is_revoked, written_at: when, written_by };
}
