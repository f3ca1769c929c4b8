// An answer of ClickHouse is believed only if it is whole: a full disk, a proxy or a dead connection may cut it anywhere.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { csv, parquet } from "../../services/adapters/clickhouse/answers.ts";
import { type ClickHouse, openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { clickHouseUsageLog } from "../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";

const INCOMPLETE = { name: "ClickHouseFailure", kind: "retriable", code: "INCOMPLETE" };
const ROWS = "SELECT number, toString(number) AS text, if(number = 1, NULL, 'a\nb') AS other FROM numbers(3)";
const MARK = "3f0c9a";
const MS_MAX = 60_000;

let database: TestDatabase;
let answers: Answers;
let cut: ClickHouse;

beforeAll(async () => {
  database = await freshDatabase();
  await database.open("processor").insertRows("usage_log", [idRow(1), idRow(2)]);
  answers = await Answers.open(database.options("processor").url);
  cut = openClickHouse({ ...database.options("processor"), url: answers.url });
});
afterAll(async () => {
  await cut.close();
  answers.close();
  await database.drop();
});

const idRow = (n: number) => ({
  kind: "event",
  ingest_day: "2026-11-23",
  hour: "2026-11-23 10:00:00",
  event_id: String(n).repeat(16),
  payload_hash: n,
  home: 1,
  kafka_partition: 7,
});

/** A server that passes a request on once and then answers as much of what came as it is told to. */
class Answers {
  bytesMax = Number.POSITIVE_INFINITY;
  hasSummary = true;
  /** Said in place of what is cut away. */
  instead = "";
  length = 0;
  readonly url: string;
  readonly close: () => void;

  static async open(target: string): Promise<Answers> {
    const kept = new Map<string, { status: number; headers: Headers; body: Buffer }>();
    const server = createServer(async (incoming, outgoing) => {
      const sent = Buffer.concat(await incoming.toArray());
      const key = sent.toString("latin1") + new URL(incoming.url ?? "/", target).searchParams.get("query");
      let answer = kept.get(key);
      if (answer === undefined) {
        const headers = { authorization: incoming.headers.authorization ?? "" };
        const real = await fetch(new URL(incoming.url ?? "/", target), {
          method: "POST",
          headers,
          body: sent,
        });
        answer = { status: real.status, headers: real.headers, body: Buffer.from(await real.arrayBuffer()) };
        kept.set(key, answer);
      }
      answers.length = answer.body.length;
      const summary = answer.headers.get("x-clickhouse-summary");
      if (answers.hasSummary && summary !== null) outgoing.setHeader("x-clickhouse-summary", summary);
      const part = answer.body.subarray(0, answers.bytesMax);
      outgoing.writeHead(answer.status).end(Buffer.concat([part, Buffer.from(answers.instead)]));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const answers = new Answers(`http://127.0.0.1:${port}`, () => {
      server.closeAllConnections();
      server.close();
    });
    return answers;
  }

  private constructor(url: string, close: () => void) {
    this.url = url;
    this.close = close;
  }
}

/** Readable is an iterable that ends with the error of what it reads. */
const piecesOf = <Piece>(pieces: AsyncIterable<Piece>): Promise<Piece[]> => Readable.from(pieces).toArray();
const HOMES = { first: 7, partitions: 1 };
const ids = () => piecesOf(clickHouseUsageLog(cut, systemClock).recentIds(7, HOMES, 0));
const readers: readonly (readonly [string, () => Promise<readonly unknown[]>])[] = [
  ["rows", () => cut.query(ROWS)],
  ["no rows", () => cut.query(`${ROWS} WHERE number > 3`)],
  ["rows as they come", () => piecesOf(cut.rows(ROWS))],
  ["ids", async () => (await ids()).flatMap((piece) => piece.ids)],
  ["CSV", () => bytesOf(csv(MARK))],
  ["Parquet", () => bytesOf(parquet())],
];

async function bytesOf(mark: ReturnType<typeof csv>): Promise<unknown[]> {
  return [Buffer.concat(await piecesOf(cut.stream(ROWS, mark))).toString("latin1")];
}

describe.each(readers)("an answer with %s", (_name, read) => {
  it("is believed only if it is whole, wherever it is cut", { timeout: MS_MAX }, async () => {
    answers.bytesMax = Number.POSITIVE_INFINITY;
    const whole = await read();
    const { length } = answers;
    expect(length).toBeGreaterThan(0);
    for (let bytes = 0; bytes < length; bytes++) {
      answers.bytesMax = bytes;
      const got = await read().catch((error: unknown) => error);
      // only the last line's end may be missing
      if (bytes === length - 1 && Array.isArray(got)) expect(got).toEqual(whole);
      else expect(got, `cut at ${bytes} of ${length}`).toMatchObject(INCOMPLETE);
    }
  });
});

describe("an answer", () => {
  it("that ends with the server's error is that error", async () => {
    answers.bytesMax = 200;
    answers.instead = "Code: 241. DB::Exception: memory limit exceeded. (MEMORY_LIMIT_EXCEEDED) (version 26)";
    await expect(cut.query(ROWS)).rejects.toMatchObject({ kind: "retriable", code: "241" });
    await expect(piecesOf(cut.rows(ROWS))).rejects.toMatchObject({ kind: "retriable" });
    answers.instead = "";
  });

  it("to a statement without rows is believed by the server's summary", async () => {
    answers.bytesMax = 0;
    await cut.command("KILL QUERY WHERE query_id = 'nobody' SYNC");
    answers.hasSummary = false;
    await expect(cut.command("KILL QUERY WHERE query_id = 'nobody' SYNC")).rejects.toMatchObject(INCOMPLETE);
    await expect(cut.insertRows("usage_log", [idRow(3)])).rejects.toMatchObject(INCOMPLETE);
    await expect(
      cut.execInsert("INSERT INTO usage_log FORMAT Native", new Uint8Array(0)),
    ).rejects.toMatchObject(INCOMPLETE);
    answers.hasSummary = true;
  });

  it("is none where the server says it is up with nothing", async () => {
    answers.bytesMax = 0;
    await expect(cut.ping()).rejects.toMatchObject(INCOMPLETE);
    await expect(clickHouseUsageLog(cut, systemClock).serverTimeMs()).rejects.toMatchObject(INCOMPLETE);
    await expect(clickHouseUsageLog(cut, systemClock).positions([1])).rejects.toMatchObject(INCOMPLETE);
    await expect(
      clickHouseUsageLog(cut, systemClock).lookUp("event", [new Uint8Array(16)]),
    ).rejects.toMatchObject(INCOMPLETE);
  });
});
