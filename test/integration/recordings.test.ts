// What real cards did is counted, every record of it: bounds of what a card can do have room for all recordings.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { gunzipSync } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import { recordWriter } from "../../services/adapters/avro/codec.ts";
import { loadSchemas } from "../../services/adapters/avro/schemas.ts";
import type { SessionClaims } from "../../services/domain/trust/session-token.ts";
import { runProbe } from "../../services/local/demo/programs.ts";
import { PROBE_FOLDER } from "../../services/local/paths.ts";
import { sessionTrust, tokenOf } from "../support/builders/trust.ts";
import { NOW_HOUR, TestIntake } from "../support/flows/intake.ts";

const schemas = loadSchemas();
const WRITERS = {
  gpu_time_event: { write: recordWriter(schemas, "gpu_time_event"), id: "event_id" },
  gpu_totals: { write: recordWriter(schemas, "gpu_totals"), id: "totals_id" },
} as const;
const END = new Date((NOW_HOUR * 60 + 29) * 60_000).toISOString();

interface ProbeRecord {
  readonly type: keyof typeof WRITERS;
  readonly [field: string]: unknown;
}

async function replay(trace: string): Promise<ProbeRecord[]> {
  const args = ["replay", trace, "--sink", "file", "--end-at", END, "--json"];
  const output = await runProbe(args, () => undefined);
  // the account is the last line
  const lines = output.trim().split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ProbeRecord);
}

function send(stream: TestIntake, records: readonly ProbeRecord[]): number {
  for (const { type, ...fields } of records) {
    const { write, id } = WRITERS[type];
    stream.send(write({ ...fields, [id]: Buffer.from(String(fields[id]), "hex") }));
  }
  return records.length;
}

it.each([
  ["h100-serving-trace.jsonl.gz", 1_000],
  ["h100-busy-trace.jsonl.gz", 90],
  ["h100-probe-trace.jsonl.gz", 36],
])("%s", async (trace, atLeast) => {
  const stream = new TestIntake();
  const sent = send(stream, await replay(`${PROBE_FOLDER}/traces/${trace}`));
  expect(sent).toBeGreaterThan(atLeast);
  expect(stream.rows("rejected").map(({ reject_code }) => reject_code)).toEqual([]);
  expect(stream.account()).toMatchObject({ received: sent, counted: sent, rejected: 0 });
});

it("a gateway that signs every session has all of them counted where tokens are required, and the cold start", async () => {
  const text = gunzipSync(readFileSync(`${PROBE_FOLDER}/traces/h100-probe-trace.jsonl.gz`)).toString();
  const signed = text
    .trim()
    .split("\n")
    .map((line) => {
      const record = JSON.parse(line) as Record<string, unknown>;
      const { t, tenant, project, model, session_id } = record;
      if (t !== "open") return line;
      const claims = { tenant_id: tenant, project_id: project, model, session_prefix: session_id };
      return JSON.stringify({ ...record, session_token: tokenOf(claims as Partial<SessionClaims>) });
    });
  const folder = mkdtempSync(`${tmpdir()}/meterhouse-signed-`);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/trace.jsonl`, signed.join("\n"));
  const records = await replay(`${folder}/trace.jsonl`);

  const stream = new TestIntake({}, sessionTrust(true));
  send(stream, records);
  expect(stream.rows("rejected").map(({ reject_code }) => reject_code)).toEqual([]);
  const events = records.filter(({ type }) => type === "gpu_time_event");
  const operators = events.filter(({ phase }) => phase !== "inference");
  expect(operators.length).toBeGreaterThan(0);
  expect(operators.filter((event) => "session_token" in event)).toEqual([]);

  const unsigned = new TestIntake({}, sessionTrust(true));
  send(
    unsigned,
    events.map((event) => ({ ...event, session_token: null })),
  );
  expect(unsigned.account()).toMatchObject({ counted: operators.length, received: events.length });
});
