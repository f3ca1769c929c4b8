import { describe, expect, it } from "vitest";
import {
  currentGeneration,
  type GenerationRow,
  gapFault,
  identityFault,
  kafkaPartition,
  logPartition,
} from "../../../../services/domain/log/generations.ts";

const row = (changes: Partial<GenerationRow> = {}): GenerationRow => ({
  ...{ generation: 0, cluster_id: "c", topic_id: "1", topic: "t", partitions: 2 },
  ...{ begins: new Map([[0, 5]]), reason: "r", begun_by: "a" },
  ...changes,
});

it("partitions of a generation have numbers of their own", () => {
  expect([logPartition(0, 7), logPartition(1, 0), logPartition(63, 1023)]).toEqual([7, 1024, 65_535]);
  expect([7, 1024, 65_535].map(kafkaPartition)).toEqual([7, 0, 1023]);
});

it("the newest generation has the partitions that were added, and of two equal rows the first stands", () => {
  const added = row({ partitions: 3, begins: new Map([[2, 0]]) });
  const rows = [row(), row({ begins: new Map([[0, 9]]) }), added];
  expect(currentGeneration(rows)).toMatchObject({ number: 0, identity: { partitions: 3 } });
  expect(currentGeneration(rows)?.begins).toEqual(
    new Map([
      [0, 5],
      [2, 0],
    ]),
  );
  expect(currentGeneration([...rows, row({ generation: 1, topic_id: "2" })])).toMatchObject({
    number: 1,
    identity: { topic_id: "2" },
  });
  expect(currentGeneration([])).toBeUndefined();
});

describe("another log of Kafka", () => {
  const generation = { number: 0, identity: row(), begins: new Map() };
  it.each([
    [{ cluster_id: "d" }, true],
    [{ topic_id: "2" }, true],
    [{ topic: "u" }, true],
    [{ partitions: 1 }, true],
    [{ partitions: 3 }, false],
    [{}, false],
  ])("is told: %j", (changes, isOther) => {
    expect(identityFault(generation, { ...row(), ...changes }) !== undefined).toBe(isOther);
  });
});

it("a gap is accepted only as it is", () => {
  const at = { position: 10, low: 15 };
  expect(gapFault({ from_offset: 10, to_offset: 15 }, at)).toBeUndefined();
  for (const [from_offset, to_offset] of [
    [9, 15],
    [10, 14],
    [10, 16],
    [11, 15],
  ] as const) {
    expect(gapFault({ from_offset, to_offset }, at)).toContain("from 10 to 15");
  }
  expect(gapFault({ from_offset: 10, to_offset: 15 }, { position: 10, low: 3 })).toContain("nothing is lost");
});
