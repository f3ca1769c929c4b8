// What each process may read in ClickHouse is what its queries ask for, no more and no less.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { grantsOf, JOBS_TABLES, PRICING_TABLES, SETTLEMENT_TABLES } from "../../services/local/roles.ts";

const ADAPTERS = "services/adapters/clickhouse";
const MAIN = {
  processor: "services/processor/main.ts",
  settlement: "services/settlement/main.ts",
  pricing: "services/api/main.ts",
  jobs: "services/jobs/main.ts",
} as const;

/** Jobs load the store of closed hours, and verify none: the key is not theirs. */
const UNREAD: Readonly<Record<string, readonly string[]>> = {
  settlement: [],
  pricing: [],
  jobs: ["payload_hash_key"],
};
const WRITTEN = { settlement: SETTLEMENT_TABLES, pricing: PRICING_TABLES, jobs: JOBS_TABLES } as const;

const migrations = readdirSync("clickhouse/migrations").map((name) =>
  readFileSync(`clickhouse/migrations/${name}`, "utf8"),
);
const objects = new Set(
  migrations
    .flatMap((text) => [...text.matchAll(/^CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (\w+)/gm)])
    .map(([, it]) => it ?? ""),
);

/** Files of the adapters that a file imports for more than types, directly or by way of others. */
function adaptersOf(path: string, seen = new Set<string>()): Set<string> {
  const text = readFileSync(path, "utf8");
  const place = path.startsWith(ADAPTERS) ? "\\." : "\\.\\./adapters/clickhouse";
  for (const [, name] of text.matchAll(
    new RegExp(`^(?:import (?!type)|\\} from ).*"${place}/([\\w-]+)\\.ts"`, "gm"),
  )) {
    const file = `${ADAPTERS}/${name}.ts`;
    if (seen.has(file)) continue;
    seen.add(file);
    adaptersOf(file, seen);
  }
  return seen;
}

/** Tables and views that the queries of these files name. */
function readBy(files: Iterable<string>): string[] {
  const sources = [...files].map((file) => readFileSync(file, "utf8")).join("\n");
  const queries = readdirSync("clickhouse/queries").filter((file) =>
    sources.includes(`"${file.slice(0, -4)}"`),
  );
  const text = queries
    .map((file) => readFileSync(`clickhouse/queries/${file}`, "utf8").replaceAll(/--.*$/gm, ""))
    .join("\n");
  const places = [...text.matchAll(/\b(?:FROM|JOIN|IN|INTO|TABLE)\s+\(?\s*(\w+)/gi)].map(
    ([, name = ""]) => name,
  );
  return [...new Set(places)].filter((name) => objects.has(name)).sort();
}

function selectable(role: keyof typeof MAIN): string[] {
  const grants = grantsOf(role, ["db"]).map((grant) => /SELECT.* ON db\.(\S+)/.exec(grant)?.[1] ?? "");
  return grants.filter((name) => name !== "").sort();
}

describe.each(["settlement", "pricing", "jobs"] as const)("%s", (role) => {
  it("may read what its queries name", () => {
    const files = adaptersOf(MAIN[role]);
    expect(files.size).toBeGreaterThan(2);
    const read = readBy(files).filter((name) => !UNREAD[role]?.includes(name));
    // Whoever appends to a table may read it back.
    expect(selectable(role)).toEqual([...new Set([...read, ...WRITTEN[role]])].sort());
  });
});

it("no role may read a whole database, and settlement no keys of the API", () => {
  for (const role of ["processor", "settlement", "pricing", "jobs", "retention", "reader"] as const) {
    expect(grantsOf(role, ["db"]).filter((grant) => grant.includes("db.*"))).toEqual([]);
  }
  expect(selectable("settlement")).not.toContain("pricing_documents");
});
