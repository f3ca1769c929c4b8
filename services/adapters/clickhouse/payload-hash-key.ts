import type { HashPayload } from "../../domain/event/payload-hash.ts";
import { sipHash } from "../crypto/sip-hash.ts";
import type { ClickHouse } from "./client.ts";

/** The hash of this log's payloads, under the key that its first migration made. */
export async function payloadHasher(clickhouse: ClickHouse): Promise<HashPayload> {
  // two migrations at once may have made one each: the first counts for everybody
  const [row] = await clickhouse.query<{ key: string }>(
    "SELECT lower(hex(key)) AS key FROM payload_hash_key ORDER BY made_at, key LIMIT 1",
  );
  if (row === undefined) throw new Error("payload_hash_key is empty: restore its row from a backup");
  return sipHash(Buffer.from(row.key, "hex"));
}
