import { describe, expect, it } from "vitest";
import {
  keyDifferences,
  NO_FINDINGS,
  suspectTenants,
  verificationJson,
} from "../../../../services/domain/closing/verification.ts";
import { usageRow } from "../../../support/builders/price-books.ts";

const row = usageRow();
const hour = 1_795_000_000 - (1_795_000_000 % 3600);
const verified = {
  revision: 1,
  content_hash: "a",
  events_match: true,
  rows_match: true,
  chain_matches: true,
  keys: [],
  ...NO_FINDINGS,
};

describe("usage that was added up again", () => {
  it("differs nowhere if it is the same, in any order", () => {
    const other = usageRow({ tenant_id: "tenant-02" });
    expect(keyDifferences([row, other], [other, row])).toEqual([]);
  });

  it("is listed field by field, as it was closed and as it is now", () => {
    const now = { ...row, gpu_time_ns: row.gpu_time_ns - 1n, apportionments: ["equal@1", "tokens@1"] };
    const [key, ...more] = keyDifferences([row], [now]);
    expect(more).toEqual([]);
    expect(key).toMatchObject({ tenant_id: "tenant-01", model: "synthetic-7b" });
    expect(key?.differences).toEqual([
      { field: "gpu_time_ns", closed: "3600000000000", recomputed: "3599999999999" },
      { field: "apportionments", closed: "equal@1", recomputed: "equal@1,tokens@1" },
    ]);
  });

  it("has nothing on the side where a key is missing", () => {
    const moved = usageRow({ tenant_id: "tenant-02", gpu_time_ns: 5n });
    const keys = keyDifferences([row], [moved]);
    expect(suspectTenants(keys)).toEqual(["tenant-01", "tenant-02"]);
    const time = keys.map(({ differences }) => differences.find(({ field }) => field === "gpu_time_ns"));
    expect(time).toEqual([
      { field: "gpu_time_ns", closed: "3600000000000", recomputed: "" },
      { field: "gpu_time_ns", closed: "", recomputed: "5" },
    ]);
  });
});

describe("a verification as JSON", () => {
  it.each(["events_match", "rows_match", "chain_matches"])("matches only with %s", (name) => {
    expect(verificationJson(hour, verified).matches).toBe(true);
    expect(verificationJson(hour, { ...verified, [name]: false }).matches).toBe(false);
  });

  it("tells the first keys and how many more there are", () => {
    const rows = Array.from({ length: 130 }, (_, index) => usageRow({ project_id: `project-${index}` }));
    const json = verificationJson(hour, { ...verified, keys: keyDifferences(rows, []) });
    expect([json.keys.length, json.more_keys]).toEqual([100, 30]);
  });

  it("has large integers as texts", () => {
    const json = verificationJson(hour, {
      ...verified,
      events: [
        { finding: "changed", event_id: "e", tenant_id: "t", kafka_partition: 1, kafka_offset: 2n ** 60n },
      ],
    });
    expect(JSON.parse(JSON.stringify(json)).events[0].kafka_offset).toBe("1152921504606846976");
  });
});
