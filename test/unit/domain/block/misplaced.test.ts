import { describe, expect, it } from "vitest";
import { createRecordReader } from "../../../../services/adapters/avro/reader.ts";
import { loadSchemas } from "../../../../services/adapters/avro/schemas.ts";
import { Block } from "../../../../services/domain/block/block.ts";
import { Intake, type MisplacedRecords } from "../../../../services/domain/block/intake.ts";
import { recordOf } from "../../../../services/domain/block/record-run.ts";
import { homeOf } from "../../../../services/domain/dedupe/home.ts";
import { DedupeMemory } from "../../../../services/domain/dedupe/memory.ts";
import { TRUST_EVERYONE } from "../../../../services/domain/trust/trust.ts";
import { encodeEvent, makeEvent } from "../../../support/builders/events.ts";
import { HASH_KEY } from "../../../support/builders/hash-key.ts";
import { TEST_HASH } from "../../../support/builders/payload-hash.ts";
import { NOW_HOUR, NOW_MS } from "../../../support/flows/intake.ts";

const HOMES = { first: 0, partitions: 2 };
const event = encodeEvent(makeEvent(NOW_MS - 1_000, "e"));
const HOME = homeOf(event.key ?? new Uint8Array(), 0, HOMES);
const OTHER = 1 - HOME;

/** One event in each of these partitions, read by a process that owns `owned`. */
function taken(lies: readonly number[], owned: readonly number[], misplaced: MisplacedRecords = "look_up") {
  const memory = new DedupeMemory({ dedupe_hours: 2, dedupe_ids_max: 1_000 }, HASH_KEY, HOMES);
  for (const partition of owned) memory.open(partition, NOW_HOUR - 2);
  const block = new Block({ block_rows_max: 100, block_bytes_max: 1 << 20 }, HASH_KEY);
  const intake = new Intake(
    createRecordReader({ schemas: loadSchemas() }),
    { age_max_ms: 86_400_000 },
    TRUST_EVERYONE,
    TEST_HASH,
    misplaced,
  );
  const late = lies.map((partition, offset) =>
    intake.take(
      block,
      block.partition(partition, offset),
      recordOf(offset, NOW_MS, event.key, event.value),
      memory,
    ),
  );
  return { late, at: (partition: number) => block.partition(partition, 0), rejects: block.rejects };
}

describe("a record in another partition than its key's", () => {
  it.each([[[HOME, OTHER]], [[OTHER, HOME]]])(
    "counts once beside its copy, in whichever order: %j",
    (lies) => {
      const { late, at } = taken(lies, [HOME, OTHER]);
      expect(late).toEqual([undefined, undefined]);
      expect(at(lies[0] as number)).toMatchObject({ counted: 1, duplicates: 0 });
      expect(at(lies[1] as number)).toMatchObject({ counted: 0, duplicates: 1 });
      expect([at(HOME).misplaced, at(OTHER).misplaced]).toEqual([0, 1]);
    },
  );

  it("is looked up where another process has its partition", () => {
    const { late } = taken([OTHER], [OTHER]);
    expect(late).toMatchObject([{ partition: OTHER, space: "event" }]);
  });

  it("is rejected where that is set", () => {
    const { at, rejects } = taken([HOME, OTHER], [HOME, OTHER], "reject");
    expect(at(HOME)).toMatchObject({ counted: 1, rejected: 0 });
    expect(at(OTHER)).toMatchObject({ counted: 0, rejected: 1, misplaced: 1 });
    expect([...rejects]).toEqual([["RECORD_MISPLACED", 1]]);
  });
});
