// The walkthrough: eight chapters, each a few examples that run, from a measured step to a bill that was checked. Read
// them in the order of their numbers.
//
// Chapter 1: a step is measured and shared.
//
// An engine runs many requests at once: one forward pass, a step, makes a token for each of them. So nobody can put a
// stopwatch on a request. The probe measures the step, keeps who was in it, and shares its nanoseconds among them. What the
// GPU did for nobody (loading the model) goes to the operator, and what is left is idle: nothing is lost on the way.
//
// A recording stands in for the GPU here: five things that happened on a card within one second and twenty milliseconds.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runProbe } from "../../services/local/demo/programs.ts";

const TEN_O_CLOCK = BigInt(Date.UTC(2026, 10, 23, 10)) * 1_000_000n;
const at = (ms: number): number => Number(TEN_O_CLOCK + BigInt(ms) * 1_000_000n);

const RECORDING = [
  {
    t: "meta",
    model: "tiny",
    gpu_uuid: "GPU-1",
    gpu_model: "NVIDIA H100 80GB HBM3",
    memory_total_bytes: 85e9,
  },
  { t: "phase", phase: "load", begin_ns: at(0), end_ns: at(1_000), memory_bytes: 16e9 },
  // Anna sends a prompt of four tokens and gets her first token after 10 ms.
  { t: "open", session: 0, tenant: "anna", project: "chat", ts: at(1_000), prompt_tokens: 4 },
  { t: "step", step: 0, begin_ns: at(1_000), gpu_elapsed_ns: 10_000_000, rows: [[0, 4, 4]] },
  // Bert joins. The next step makes Anna's second token and Bert's first, in 7 ms and one nanosecond.
  { t: "open", session: 1, tenant: "bert", project: "chat", ts: at(1_010), prompt_tokens: 2 },
  {
    t: "step",
    step: 1,
    begin_ns: at(1_010),
    gpu_elapsed_ns: 7_000_001,
    rows: [
      [0, 1, 5],
      [1, 2, 2],
    ],
  },
  { t: "close", session: 0, ts: at(1_020), outcome: "ok", output_tokens: 2 },
  { t: "close", session: 1, ts: at(1_020), outcome: "cancelled", output_tokens: 1 },
];

type Line = Readonly<Record<string, unknown>>;
const folder = mkdtempSync(join(tmpdir(), "walkthrough-"));
let lines: Line[];

beforeAll(async () => {
  const trace = join(folder, "recording.jsonl");
  writeFileSync(trace, RECORDING.map((line) => JSON.stringify(line)).join("\n"));
  const args = ["replay", trace, "--policy", "equal", "--sink", "file", "--json"];
  const output = await runProbe(args, () => undefined);
  lines = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
});
afterAll(() => rmSync(folder, { recursive: true }));

const eventOf = (tenant: string): Line | undefined => lines.find(({ tenant_id }) => tenant_id === tenant);

it("shares a step among those who were in it, to the nanosecond", () => {
  // Anna: the whole first step and half of the second. The odd nanosecond goes to whoever came first.
  expect(eventOf("anna")).toMatchObject({
    gpu_time_ns: 10_000_000 + 3_500_001,
    batch_steps: 2,
    tokens_out: 2,
  });
  expect(eventOf("bert")).toMatchObject({ gpu_time_ns: 3_500_000, batch_steps: 1 });
});

it("says how it shared, so that a bill can be worked out again", () => {
  expect(eventOf("anna")).toMatchObject({ apportionment: "equal@1", time_quality: "measured" });
});

it("does not let a cancelled request vanish", () => {
  expect(eventOf("bert")).toMatchObject({ outcome: "cancelled", tokens_out: 1 });
});

it("books loading the model to the operator, never to the first caller", () => {
  expect(eventOf("operator")).toMatchObject({ phase: "load", gpu_time_ns: 1_000_000_000 });
});

it("accounts for every nanosecond of the card", () => {
  expect(lines.at(-1)).toMatchObject({
    sessions: 2,
    gpu_time_ns: {
      physical: "1020000000",
      sessions: "17000001",
      operator: "1000000000",
      idle: "2999999",
      unattributed: "0",
    },
  });
});
