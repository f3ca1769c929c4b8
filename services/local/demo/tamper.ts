// Somebody with the rights of an administrator changes one event behind everybody's back.
import type { ClickHouse } from "../../adapters/clickhouse/client.ts";

interface Tampered {
  readonly event_id: string;
  undo(): Promise<void>;
}

/** Bills a tenant a second more of its longest event. */
export async function tamper(owner: ClickHouse, tenant_id: string): Promise<Tampered> {
  const [event] = await owner.query<{ event_id: string }>(
    `SELECT lower(hex(event_id)) AS event_id FROM usage_log
     WHERE kind = 'event' AND tenant_id = {tenant_id:String} AND phase = 'inference' ORDER BY gpu_time_ns DESC, event_id LIMIT 1`,
    { tenant_id },
  );
  const { event_id = "" } = event ?? {};
  const add = (change: string) =>
    owner.command(
      `ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns ${change} WHERE kind = 'event' AND event_id = unhex({event_id:String})`,
      { params: { event_id }, settings: { mutations_sync: "2" } },
    );
  await add("+ 1000000000");
  return { event_id, undo: () => add("- 1000000000") };
}
