// What real cards did is counted, every record of it: bounds of what a card can do have room for all recordings.
import { expect, it } from "vitest";
import { recordWriter } from "../../services/adapters/avro/codec.ts";
import { loadSchemas } from "../../services/adapters/avro/schemas.ts";
import { runProbe } from "../../services/local/demo/programs.ts";
import { PROBE_FOLDER } from "../../services/local/paths.ts";
import { NOW_HOUR, TestIntake } from "../support/flows/intake.ts";

const schemas = loadSchemas();
const WRITERS = {
  gpu_time_event: { write: recordWriter(schemas, "gpu_time_event"), id: "event_id" },
  gpu_totals: { write: recordWriter(schemas, "gpu_totals"), id: "totals_id" },
} as const;
const END = new Date((NOW_HOUR * 60 + 29) * 60_000).toISOString();

it.each([
  ["h100-serving-trace.jsonl.gz", 1_000],
  ["h100-busy-trace.jsonl.gz", 90],
  ["h100-probe-trace.jsonl.gz", 36],
])("%s", async (trace, atLeast) => {
  const args = ["replay", `${PROBE_FOLDER}/traces/${trace}`, "--sink", "file", "--end-at", END, "--json"];
  const output = await runProbe(args, () => undefined);
  const stream = new TestIntake();
  let sent = 0;
  // the account is the last line
  for (const line of output.trim().split("\n").slice(0, -1)) {
    const { type, ...fields } = JSON.parse(line) as { type: keyof typeof WRITERS };
    const { write, id } = WRITERS[type];
    stream.send(write({ ...fields, [id]: Buffer.from((fields as Record<string, string>)[id] ?? "", "hex") }));
    sent++;
  }
  expect(sent).toBeGreaterThan(atLeast);
  expect(stream.rows("rejected").map(({ reject_code }) => reject_code)).toEqual([]);
  expect(stream.account()).toMatchObject({ received: sent, counted: sent, rejected: 0 });
});
