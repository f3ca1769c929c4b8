import { describe, expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import type { Documents, NewDocument } from "../../services/domain/ports/documents.ts";

import { MemoryDocuments } from "../support/doubles/memory-documents.ts";
import { databaseOfTest } from "../support/stack/stack.ts";

/** Two processes over the same documents. */
async function openReal(): Promise<[Documents, Documents]> {
  const database = await databaseOfTest();
  const open = (owner: string) =>
    new ClickHouseDocuments(database.open("pricing"), database.name, owner, systemClock);
  return [open("one"), open("two")];
}

async function openMemory(): Promise<[Documents, Documents]> {
  const documents = new MemoryDocuments(systemClock);
  return [documents, documents];
}

function draft(id: string, version = 1, changes: Partial<NewDocument> = {}): NewDocument {
  const content = { text: 'half a "quote" and ü', list: [1, null, { deep: true }], version };
  return { kind: "price_book", id, version, content, written_by: "key-1", reason: "because", ...changes };
}

describe.each([
  ["in memory", openMemory],
  ["in ClickHouse", openReal],
] as const)("documents %s", (_name, open) => {
  it("come back as they were written, newest first, each kind by itself", async () => {
    const [documents] = await open();
    expect(await documents.newest("price_book", "a")).toBeNull();
    expect(await documents.append([draft("a"), draft("a", 1, { kind: "correction" })])).toBe("written");
    expect(await documents.append([draft("a", 2, { reason: "again" })])).toBe("written");
    const { kind: _kind, ...second } = draft("a", 2, { reason: "again" });
    expect(await documents.newest("price_book", "a")).toEqual({
      ...second,
      written_at: expect.any(Number),
    });
    expect((await documents.versions("price_book", "a", 5)).map(({ version }) => version)).toEqual([2, 1]);
    expect(await documents.versions("price_book", "a", 1)).toHaveLength(1);
    expect((await documents.versions("price_book", "a", 5, 2)).map(({ version }) => version)).toEqual([1]);
    expect((await documents.newest("correction", "a"))?.version).toBe(1);
  });

  it("are written all or none: a version that is taken, or that leaves one out, refuses the rest too", async () => {
    const [documents] = await open();
    await documents.append([draft("a")]);
    expect(await documents.append([draft("b"), draft("a")])).toBe("version_taken");
    expect(await documents.append([draft("b"), draft("a", 3)])).toBe("version_taken");
    expect(await documents.append([draft("b"), draft("c", 2)])).toBe("version_taken");
    expect(await documents.newest("price_book", "b")).toBeNull();
    expect(await documents.append([draft("b"), draft("b", 3)])).toBe("version_taken");
    expect(await documents.append([draft("c"), draft("d"), draft("c", 2)])).toBe("written");
    expect(await documents.append([draft("c", 4), draft("c", 5)])).toBe("version_taken");
    expect(await documents.append([draft("c", 3), draft("c", 4)])).toBe("written");
    expect((await documents.newest("price_book", "c"))?.version).toBe(4);
    expect(await documents.append([draft("b"), draft("a", 2)])).toBe("written");
  });

  it("of two writers at once one wins", async () => {
    const [one, two] = await open();
    const answers = await Promise.all([
      one.append([draft("a", 1, { written_by: "one" })]),
      two.append([draft("a", 1, { written_by: "two" })]),
      one.append([draft("a", 1, { written_by: "three" })]),
    ]);
    expect(answers.toSorted()).toEqual(["version_taken", "version_taken", "written"]);
    expect(await one.versions("price_book", "a", 5)).toHaveLength(1);
  });

  it("are made once it is their turn, so that they may count on", async () => {
    const [one, two] = await open();
    const next = (documents: Documents) =>
      documents.append(async () => {
        const version = ((await documents.newest("price_book", "a"))?.version ?? 0) + 1;
        return [draft("a", version)];
      });
    expect(await Promise.all([next(one), next(two), next(one)])).toEqual(["written", "written", "written"]);
    expect((await one.newest("price_book", "a"))?.version).toBe(3);
  });

  it("are found by their ids, the newest version of each that is there", async () => {
    const [documents] = await open();
    await documents.append([draft("a"), draft("b"), draft("c")]);
    await documents.append([draft("b", 2)]);
    const found = await documents.newestOf("price_book", ["b", "a", "z"]);
    expect(found.map(({ id, version }) => `${id}${version}`).toSorted()).toEqual(["a1", "b2"]);
    expect(await documents.newestOf("price_book", [])).toEqual([]);
  });

  it("are listed by id, the newest version of each, from a place on", async () => {
    const [documents] = await open();
    await documents.append([draft("c"), draft("a"), draft("b")]);
    await documents.append([draft("b", 2)]);
    const list = async (after: string, limit: number) =>
      (await documents.list("price_book", after, limit)).map(({ id, version }) => `${id}${version}`);
    expect(await list("", 10)).toEqual(["a1", "b2", "c1"]);
    expect(await list("", 2)).toEqual(["a1", "b2"]);
    expect(await list("b", 10)).toEqual(["c1"]);
  });
});
