import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { listen } from "../../../services/adapters/http/listen.ts";
import { computeIndexPoints } from "../../../services/billing/index/index-points.ts";
import { bookDocument, H100 } from "../../support/builders/price-books.ts";
import { decimal, secondsOfUsage } from "../../support/builders/tenant-hours.ts";
import { memoryHistory, sessionPart } from "../../support/doubles/memory-history.ts";
import { apiAt, fault, type } from "../../support/flows/command-line.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";
import { publishBook } from "../../support/flows/tenant-api.ts";

const folder = mkdtempSync(join(tmpdir(), "meterhouse-question-"));
const file = join(folder, "book.json");
writeFileSync(file, JSON.stringify({ ...bookDocument(), effective_from: "2027-01-01T00:00:00Z" }));
writeFileSync(join(folder, "bad.json"), "{");
afterAll(() => rmSync(folder, { recursive: true }));

const HOUR = Date.parse("2026-11-23T08:00:00Z") / 1000;
const RANGE = ["--from", "2026-11-23T00:00Z", "--to", "2026-11-24T00:00Z"];

let served: TestApi | undefined;
afterEach(async () => served?.api.close());

async function say(...argv: string[]): Promise<string> {
  const usage = ["acme", "globex", "initech"].map((tenant_id) => ({
    hour: HOUR,
    revision: 1,
    row: secondsOfUsage(3_600, { tenant_id }),
  }));
  const sales = [0, 1].map((at) => ({
    ...{ hour: HOUR + 3_600 * at, revision: 1, rating: 1, rated_at: 0, model: "m", gpu_model: "g" },
    ...{ mig_profile: "", unit_time_ns: decimal("3600000000000"), value: decimal(String(at + 2)) },
    tenants: ["a", "b", "c"],
  }));
  const sessions = [sessionPart("s", (HOUR + 600) * 1_000, secondsOfUsage(3_600, { tenant_id: "acme" }))];
  served = await testApi({ history: memoryHistory({ sessions, usage, sales }) });
  await publishBook(served, {});
  await computeIndexPoints(served.pricing);
  const port = await listen(served.api, { host: "127.0.0.1", port: 0, name: "TEST" });
  return (await type(apiAt(`http://127.0.0.1:${port}`, served.keys.operator), ...argv)).text;
}

describe("meterhouse quote", () => {
  const argv = ["quote", "--model", "synthetic-7b", "--gpu", H100, "--requests", "3", "--tenant", "acme"];

  it("shows figures, samples, their span and what is assumed", async () => {
    const said = await say(...argv);
    expect(said).toContain("3 requests of synthetic-7b");
    expect(said).toMatch(/p90 +5\.812500000000 USD/);
    expect(said).toContain(
      "1 samples, too few for p90 to be sound, 2026-11-23T08:00:00Z to 2026-11-23T09:00:00Z",
    );
    expect(JSON.parse(await say(...argv, "--json"))).toMatchObject({ kind: "quoted", p50: "5.812500000000" });
  });

  it("says that there is no history", async () => {
    expect(await say("quote", "--model", "none", "--gpu", H100, "--requests", "3")).toContain("no history");
  });
});

it("meterhouse what-if shows every tenant's difference", async () => {
  const said = await say("what-if", ...RANGE, "--candidate", file);
  expect(said).toContain("acme: 1.937500000000 becomes 1.937500000000 USD, 0.000000000000 more");
  expect(said).toContain("initech");
  const { items } = JSON.parse(await say("what-if", ...RANGE, "--candidate", file, "--json"));
  expect(items).toHaveLength(3);
});

it("meterhouse index shows the points", async () => {
  const said = await say("index", ...RANGE, "--period", "hour");
  expect(said.split("\n")).toEqual([
    "2026-11-23T08:00:00Z      100.000000000000  x 1.000000000000  1 classes",
    "2026-11-23T09:00:00Z      150.000000000000  x 1.500000000000  1 classes",
  ]);
});

it.each([
  [["quote"], /3 faults.*--model <name> is missing.*--gpu <name> is missing.*--requests <n> is missing/s],
  [
    ["quote", "--model", "m", "--gpu", "g", "--requests", "1", "--tokens-in", "x"],
    /--tokens-in "x" is no whole number/,
  ],
  [["quote", "--colour", "red"], /unknown option '--colour'/],
  [["what-if", "--book", "x"], /--from <hour> is missing.*--to <hour> is missing/s],
  [["what-if", ...RANGE], /needs either --book/],
  [["what-if", ...RANGE, "--candidate", join(folder, "bad.json")], /is not JSON/],
  [["index"], /--from <hour> is missing.*--to <hour> is missing/s],
  [["index", ...RANGE, "--period", "week"], /--period "week" is none of hour, day/],
  [["index", ...RANGE, "--series", "mine"], /--series "mine" is none of all, shared/],
])("%j is refused with a sentence", (argv, problem) => {
  expect(fault(...argv)).toEqual({ kind: "text", text: expect.stringMatching(problem), exitCode: 2 });
});
