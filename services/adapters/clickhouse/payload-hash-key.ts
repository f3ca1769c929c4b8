import type { HashPayload } from "../../domain/event/payload-hash.ts";
import { sipHash } from "../crypto/sip-hash.ts";
import { type ClickHouse, loadQuery } from "./client.ts";

/** The hash of this log's payloads, under the key that its first migration made. */
export async function payloadHasher(clickhouse: ClickHouse): Promise<HashPayload> {
  const [row] = await clickhouse.query<{ key: string }>(loadQuery("payload_hash_key"));
  if (row === undefined) throw new Error("payload_hash_key is empty: restore its row from a backup");
  return sipHash(Buffer.from(row.key, "hex"));
}
