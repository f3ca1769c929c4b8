import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClickHouse, openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";

let database: TestDatabase;
let processor: ClickHouse;

beforeAll(async () => {
  database = await freshDatabase({ migrated: false });
  await database.open("migrate").command(
    `CREATE TABLE usage_log
     (id UInt64, kind Enum8('event' = 1), tenant LowCardinality(String), numbers Array(UInt128), price Nullable(Decimal(38, 12)))
     ENGINE = MergeTree ORDER BY id`,
  );
  processor = database.open("processor");
});
afterAll(() => database.drop());

const STRUCTURE =
  "id UInt64, kind Enum8(\\'event\\' = 1), tenant LowCardinality(String), numbers Array(UInt128), price Nullable(Decimal(38, 12))";
const GUARDED = `INSERT INTO usage_log SELECT * FROM input('${STRUCTURE}')
  WHERE throwIf((SELECT count() FROM usage_log WHERE id IN {ids:Array(UInt64)}) > 0, 'not again') = 0 FORMAT Native`;
const MAX = 2n ** 64n - 1n;

async function nativeBlock(): Promise<Buffer> {
  const stream = processor.unproven(
    `SELECT number AS id, 'event'::Enum8('event' = 1) AS kind, 'a'::LowCardinality(String) AS tenant,
       [number::UInt128] AS numbers, NULL::Nullable(Decimal(38, 12)) AS price FROM numbers(1000) FORMAT Native`,
  );
  return Buffer.concat(await Readable.from(stream).toArray());
}

describe("the ClickHouse client", () => {
  it("keeps big integers and decimals exact both ways", async () => {
    const row = {
      id: MAX,
      kind: "event",
      tenant: "it's",
      numbers: [2n ** 128n - 1n],
      price: "0.000000000001",
    };
    await processor.insertRows("usage_log", [row]);
    const rows = await processor.query(
      "SELECT * FROM usage_log WHERE id IN {ids:Array(UInt64)} AND tenant = {t:String}",
      {
        ids: [1n, MAX],
        t: "it's",
      },
    );
    expect(rows).toEqual([{ ...row, id: String(MAX), numbers: [String(2n ** 128n - 1n)] }]);
  });

  it("takes parameters too long for an address", async () => {
    const ids = Array.from({ length: 5_000 }, (_, i) => MAX - BigInt(i));
    expect(await processor.query("SELECT length({ids:Array(UInt64)}) AS n", { ids })).toEqual([
      { n: "5000" },
    ]);
  });

  it("sends a Native block in pieces through a guard, whole or not at all", async () => {
    const block = await nativeBlock();
    const pieces = [block.subarray(0, 100), new Uint8Array(block.subarray(100))];
    await processor.execInsert(GUARDED, pieces, { params: { ids: [5n] }, queryId: "guarded:1" });
    await expect(processor.execInsert(GUARDED, block, { params: { ids: [5n] } })).rejects.toMatchObject({
      name: "ClickHouseFailure",
      kind: "rejected",
      code: "395",
      message: "not again",
    });
    const [count] = await processor.query("SELECT count() AS n FROM usage_log WHERE tenant = 'a'");
    expect(count).toEqual({ n: "1000" });
  });

  it("does not take half a block", async () => {
    const block = await nativeBlock();
    const cut = processor.execInsert(GUARDED, block.subarray(0, block.length / 2), {
      params: { ids: [5_000n] },
    });
    await expect(cut).rejects.toMatchObject({ kind: "fatal" });
  });

  it("reports an error that comes after the first rows", async () => {
    const late = processor.query("SELECT throwIf(number = 3000000, 'late') FROM numbers(4000000)");
    await expect(late).rejects.toMatchObject({ kind: "rejected", message: "late" });
  });

  it("gives a silent request up as retriable", async () => {
    const hasty = openClickHouse({ ...database.options("processor"), requestMsMax: 100 });
    await expect(hasty.query("SELECT sleep(1)")).rejects.toMatchObject({ kind: "retriable" });
    await hasty.close();
  });

  it("says what it may not do", async () => {
    await expect(database.open("reader").query("SELECT * FROM usage_log")).rejects.toMatchObject({
      kind: "fatal",
      code: "497",
    });
    const wrong = { ...database.options("reader"), database: "meterhouse_absent" };
    const lost = openClickHouse(wrong);
    await expect(lost.ping()).rejects.toMatchObject({ kind: "fatal", code: "81" });
    await lost.close();
  });
});
