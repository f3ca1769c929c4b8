// An insert that stops half-way, when its guard has said yes, and goes on when the test lets it.
import { Readable } from "node:stream";
import type { Body, ClickHouse } from "../../../services/adapters/clickhouse/client.ts";
import { eventually } from "../checks/eventually.ts";

export interface HaltedInsert {
  /** Sends half of an insert's data, and the rest on `end`. */
  readonly client: ClickHouse;
  /** Resolves once the server runs the insert of this id with half of its data. */
  isRunning(queryId: string): Promise<void>;
  /** Resolves once `end` was called, or the insert has ended. */
  isEnding(queryId: string): Promise<void>;
  goOn(): void;
}

/** @param admin may read system.processes */
export function haltInserts(client: ClickHouse, admin: ClickHouse): HaltedInsert {
  const half = Promise.withResolvers<void>();
  const rest = Promise.withResolvers<void>();
  async function* halves(body: Body): AsyncGenerator<Uint8Array> {
    const whole = Buffer.concat(body instanceof Uint8Array ? [body] : (body as readonly Uint8Array[]));
    yield whole.subarray(0, whole.length / 2);
    half.resolve();
    await rest.promise;
    yield whole.subarray(whole.length / 2);
  }
  const running = async (queryId: string, and = ""): Promise<number> => {
    const sql = `SELECT 1 FROM system.processes WHERE query_id = {queryId:String} ${and}`;
    return (await admin.query(sql, { queryId })).length;
  };
  return {
    client: {
      ...client,
      execInsert: (sql, body, options) => client.execInsert(sql, Readable.from(halves(body)), options),
    },
    async isRunning(queryId) {
      await half.promise;
      await eventually(`${queryId} runs`, async () => ((await running(queryId)) > 0 ? true : undefined));
    },
    async isEnding(queryId) {
      await eventually(`${queryId} is being ended`, async () =>
        (await running(queryId, "AND is_cancelled = 0")) === 0 ? true : undefined,
      );
    },
    goOn: rest.resolve,
  };
}
