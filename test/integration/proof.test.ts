// Whatever is changed in what a closed hour was made of, or in what was made of it, the audit finds it and names the hour.
import { generateKeyPairSync } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseProofStore } from "../../services/adapters/clickhouse/proof-store.ts";
import { closeSigner } from "../../services/adapters/crypto/close-key.ts";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { type AuditDepth, auditHours } from "../../services/billing/verification/audit-hours.ts";
import { chainText } from "../../services/domain/closing/revision.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import { isSignedClose } from "../../services/settlement/audit.ts";
import {
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
} from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";

const HOUR_MS = 3_600_000;
const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 4 * HOUR_MS;
const hour = hourMs / 1000;
const pem = () =>
  generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();

/** Three hours that were closed and rated one after the other by a settlement with a key. */
async function closedHours() {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database, admin } = flow.target;
  const client = openClickHouse({ url, database, ...users.settlement });
  onTestFinished(() => client.close());
  const event = (minute: number, seed: string, fields: Record<string, unknown> = {}) =>
    makeEvent(hourMs + minute * 60_000, seed, { tenant_id: "acme", ...fields });
  const voided = event(4, "d");
  const records = [event(1, "a"), event(2, "b"), voided, event(61, "x"), event(121, "y")].map(encodeEvent);
  flow.start();
  const totals = encodeTotals(makeTotals(hourMs + 60_000, "t"));
  await flow.send([
    ...records,
    totals,
    encodeVoid(makeVoid(voided.event_id)),
    { key: Buffer.from("k"), value: Buffer.from("?") },
  ]);
  await flow.received(8);
  const store = new ClickHouseProofStore(client, database);
  const signer = closeSigner(pem());
  for (const hours of [1, 2, 3]) {
    const clock = new ManualClock(hourMs + (hours + 0.5) * HOUR_MS);
    const { closed, rated } = await pass(settlementOver(store, { clock, signer }));
    expect([closed.length, rated.length]).toEqual([1, 1]);
  }
  const audit = async (
    depth: AuditDepth = "records",
    trustedKeys = [signer.key_id],
    to = hour + 2 * 3600,
  ) => {
    const auditor = { store, hash: sha256, isSigned: isSignedClose, trustedKeys };
    const report = await auditHours(auditor, { from: hour, to, depth });
    return report.faults.map((fault) => ({ ...fault, hour: formatHour(fault.hour) }));
  };
  /** The table with the column changed in the rows of `where`; puts the rest back as it was. */
  const withChange = async (table: string, where: string, column: string, value: string) => {
    const settings = { insert_deduplicate: 0 } as const;
    await admin.command(`CREATE TABLE IF NOT EXISTS original_${table} AS ${table}`);
    const [kept] = await admin.query<{ n: string }>(`SELECT count() AS n FROM original_${table}`);
    if (kept?.n === "0") await admin.command(`INSERT INTO original_${table} SELECT * FROM ${table}`);
    await admin.command(`TRUNCATE TABLE ${table}`);
    await admin.command(
      `INSERT INTO ${table} SELECT * REPLACE (if(${where}, ${value}, o.${column}) AS ${column}) FROM original_${table} AS o`,
      { settings },
    );
  };
  const columns = (table: string) =>
    admin.query<{ name: string; type: string }>(
      `SELECT name, type FROM system.columns
       WHERE database = currentDatabase() AND table = {table:String} AND default_kind != 'ALIAS' ORDER BY position`,
      { table },
    );
  return { admin, audit, withChange, columns, store, signer };
}

/** Another value of the column. */
function otherValue(name: string, type: string): string {
  const plain = type.replace(/^LowCardinality\((.*)\)$/, "$1");
  if (plain === "Bool") return `NOT o.${name}`;
  if (plain === "String") return `concat(o.${name}, 'x')`;
  if (plain.startsWith("FixedString"))
    return `toFixedString(concat(char(bitXor(reinterpretAsUInt8(substring(o.${name}, 1, 1)), 1)), substring(o.${name}, 2)), 16)`;
  if (plain.startsWith("Enum8"))
    return `CAST(if(toInt8(o.${name}) = 1, 2, 1), '${type.replaceAll("'", "\\'")}')`;
  if (plain.startsWith("Nullable")) return `CAST(ifNull(o.${name}, 0) + 1, '${type}')`;
  if (plain.startsWith("DateTime")) return `addSeconds(o.${name}, 1)`;
  if (plain === "UUID") return "generateUUIDv4()";
  if (plain.startsWith("Array(UInt128)")) return `arrayPushBack(o.${name}, toUInt128(1))`;
  if (plain.startsWith("Array")) return `arrayPushBack(o.${name}, 'x')`;
  if (plain === "Map(UInt16, UInt64)") return `mapAdd(o.${name}, map(toUInt16(0), toUInt64(1)))`;
  if (plain.startsWith("Map"))
    return `CAST(mapApply((k, v) -> (k, v + 1), o.${name}), '${type.replaceAll("'", "\\'")}')`;
  return `CAST(o.${name} + 1, '${type}')`;
}

/** So many hours of one event each, closed together; the newest first. */
async function hoursOfOneEvent(count: number) {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database, admin } = flow.target;
  const client = openClickHouse({ url, database, ...users.settlement });
  onTestFinished(() => client.close());
  const hours = Array.from({ length: count }, (_, i) => hour - i * 3600);
  flow.start();
  await flow.send(
    hours.map((of) => encodeEvent(makeEvent((of + 60) * 1000, `${of}`, { tenant_id: "acme" }))),
  );
  await flow.received(count);
  const store = new ClickHouseProofStore(client, database);
  const { closed } = await pass(settlementOver(store, { clock: new ManualClock(hourMs + 1.5 * HOUR_MS) }));
  expect(closed).toHaveLength(count);
  const faultyHours = async () => {
    const auditor = { store, hash: sha256, isSigned: isSignedClose, trustedKeys: [] };
    const report = await auditHours(auditor, { from: hours.at(-1) ?? hour, to: hour, depth: "records" });
    // a batch that counts other rows than it did is a fault of every hour that it has rows in
    return new Set(report.faults.filter(({ check }) => check === "log").map((fault) => fault.hour));
  };
  return { admin, hours, faultyHours };
}

it("a change of any column of an event's or a window's row is found, in the hour of the row", {
  timeout: 600_000,
}, async () => {
  const { admin, hours, faultyHours } = await hoursOfOneEvent(128);
  const names = await admin.query<{ name: string; type: string }>(
    `SELECT name, type FROM system.columns
     WHERE database = currentDatabase() AND table = 'usage_log' AND default_kind != 'ALIAS' ORDER BY position`,
  );
  expect(names.length).toBeGreaterThanOrEqual(55);
  // a column for each hour, of both kinds, and hours that stay as they were
  const places = ["event", "window"].flatMap((kind) => names.map((of) => ({ kind, ...of })));
  expect(places.length).toBeLessThan(hours.length);
  const changed = names.map(({ name, type }) => {
    const isIts = places
      .map((place, at) => ({ ...place, at }))
      .filter((place) => place.name === name)
      .map(({ kind, at }) => `o.kind = '${kind}' AND o.hour = toDateTime(${hours[at]}, 'UTC')`)
      .join(" OR ");
    return `if(${isIts}, ${otherValue(name, type)}, o.${name}) AS ${name}`;
  });
  await admin.command("CREATE TABLE original AS usage_log");
  await admin.command("INSERT INTO original SELECT * FROM usage_log");
  await admin.command("TRUNCATE TABLE usage_log");
  await admin.command(`INSERT INTO usage_log SELECT * REPLACE (${changed.join(", ")}) FROM original AS o`, {
    settings: { insert_deduplicate: 0 },
  });
  const faulty = await faultyHours();
  expect(places.filter((_, at) => !faulty.has(hours[at] ?? 0))).toEqual([]);
  expect(hours.slice(places.length).filter((of) => faulty.has(of))).toEqual([]);
});

it("a change of a row that no event stands for is found", { timeout: 600_000 }, async () => {
  const { audit, withChange, columns } = await closedHours();
  expect(await audit()).toEqual([]);
  const types = new Map((await columns("usage_log")).map(({ name, type }) => [name, type]));
  for (const [kind, column] of [
    ["batch", "numbers"],
    ["batch", "ingested_at"],
    ["totals", "numbers"],
    ["totals", "node"],
    ["void", "reject_detail"],
    ["void", "tenant_id"],
    ["rejected", "raw"],
    ["rejected", "reject_detail"],
  ] as const) {
    await withChange("usage_log", `o.kind = '${kind}'`, column, otherValue(column, types.get(column) ?? ""));
    expect(await audit("records", [], hour), `${column} of ${kind}`).not.toEqual([]);
  }
});

/** What nothing depends on: when and by which epoch an hour was rated, and copies of a number that the commit has. */
const NOT_FIGURES: Readonly<Record<string, readonly string[]>> = {
  hour_close: [],
  usage_hourly: ["revision"],
  hour_rating: ["rating", "rated_at", "epoch"],
  charges: ["revision", "rating"],
};

it.each(Object.entries(NOT_FIGURES))(
  "a change of any figure of %s is found",
  { timeout: 600_000 },
  async (table, others) => {
    const { audit, withChange, columns } = await closedHours();
    const unfound: string[] = [];
    for (const { name, type } of await columns(table)) {
      const where = `o.hour = toDateTime(${hour + 3600}, 'UTC')`;
      await withChange(table, where, name, otherValue(name, type));
      if ((await audit("rows")).length === 0) unfound.push(name);
    }
    expect(unfound).toEqual(others);
  },
);

it("a close that is gone or rewritten is found, and whose signature it is", async () => {
  const { audit, admin, withChange, store, signer } = await closedHours();
  const [first, second, third] = [0, 1, 2].map((at) => formatHour(hour + at * 3600));
  const gone = async (sequence: number) => {
    await withChange("hour_close", "false", "reason", "''");
    await admin.command(`ALTER TABLE hour_close DELETE WHERE sequence = ${sequence}`, {
      settings: { mutations_sync: "1" },
    });
    return (await audit("chain")).map(({ hour: of, check }) => [of, check]);
  };
  expect(await gone(1)).toEqual([
    [first, "sequence"],
    [second, "sequence"],
    [second, "link"],
  ]);
  expect((await gone(3)).slice(0, 1)).toEqual([[third, "sequence"]]);
  await withChange("hour_close", "false", "reason", "''");
  expect(await audit("chain")).toEqual([]);

  // who holds the database alone makes the figures and hashes fit, but not the signature
  const closes = await store.closes();
  await withChange("hour_close", "o.sequence = 3", "content_hash", `'${"0".repeat(64)}'`);
  const last = closes[2];
  if (last === undefined) throw new Error("no third close");
  const chain_hash = sha256(chainText({ ...last, content_hash: "0".repeat(64) }));
  await admin.command(`ALTER TABLE hour_close UPDATE chain_hash = '${chain_hash}' WHERE sequence = 3`, {
    settings: { mutations_sync: "1" },
  });
  expect(await audit("chain")).toMatchObject([{ hour: third, check: "signature" }]);
  await admin.command("ALTER TABLE hour_close UPDATE signature = '', key_id = '', public_key = '' WHERE 1", {
    settings: { mutations_sync: "1" },
  });
  expect(await audit("chain")).toMatchObject([
    { hour: third, check: "signature", detail: "has no signature" },
  ]);
  await withChange("hour_close", "false", "reason", "''");
  expect((await audit("chain", [closeSigner(pem()).key_id])).map(({ check }) => check)).toEqual([
    "signature",
    "signature",
    "signature",
  ]);
  expect(await audit("chain", [signer.key_id])).toEqual([]);
});
