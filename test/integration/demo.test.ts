// The demo is the promise of the whole house in one command. Killing the processor in the middle of it changes nothing.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../../services/local/paths.ts";

const HOUR_MS = 3_600_000;
/** Both runs put the recording at the same time, so that ids, hours and charges can be compared. */
const boundary = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS).toISOString();

interface Account {
  readonly events: Record<string, number>;
  readonly gpu_time_ns: Record<string, string>;
  readonly busy_ns: Record<string, string>;
  readonly hours_closed: number;
  readonly tenants_billed: number;
  readonly charges_total: string;
  readonly currency: string;
}

interface Told extends Account {
  readonly second_card: Account;
  readonly seconds: number;
}

async function runDemo(...args: string[]): Promise<{ account: Told; output: string }> {
  const entry = `${PROJECT_ROOT}services/cli/main.ts`;
  const child = spawn(process.execPath, [entry, "demo", "--json", "--boundary", boundary, ...args], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  expect(code, output).toBe(0);
  return { account: JSON.parse(output.trim().split("\n").at(-1) ?? "") as Told, output };
}

const sum = (values: (number | string | undefined)[]): bigint =>
  values.reduce<bigint>((total, value) => total + BigInt(value ?? 0), 0n);

/** Invoices, an adjustment for what came late, an invoice that verifies, and the event that was tampered with, by name. */
function expectInvoices(output: string): void {
  expect(output).toContain("16 invoices are finalised, numbers 1 to 16, 0 lines of them adjustments");
  expect(output).toMatch(/invoices are finalised, numbers 17 to \d+, [1-9]\d* lines of them adjustments/);
  expect(output).toMatch(/^ {4}corrects line [0-9a-f]{64} of [0-9a-f]{64}/m);
  expect(output).toMatch(/^invoice 2 of tenant-01 matches/m);
  const [, event_id = ""] = /somebody adds a second to event ([0-9a-f]{32})/.exec(output) ?? [];
  const [, differences = ""] = /^invoice 2 of tenant-01 DIFFERS.*\n((?: {2}.*\n)+)/m.exec(output) ?? [];
  expect(differences.match(/event [0-9a-f]{32} is changed/g)).toEqual([`event ${event_id} is changed`]);
}

/** Both balances of the card to the digit, and the bill, which the README shows, of the tenant that held the card and hardly worked it. */
function expectSecondCard({ second_card: account }: Told, output: string, readme: string): void {
  expect(account).toEqual({
    events: { received: 106, counted: 106, duplicate: 0, conflict: 0, rejected: 0 },
    gpu_time_ns: {
      physical: "14517105047",
      sessions: "12505604067",
      operator: "263365269",
      idle: "1748135711",
      unattributed: "0",
    },
    // as in gpu-probe/tests/test_recorded.py
    busy_ns: {
      busy: "8704731318",
      sessions: "7167155103",
      operator: "60172562",
      unmetered: "1477403653",
    },
    hours_closed: 1,
    tenants_billed: 13,
    charges_total: "0.004852492062",
    currency: "USD",
  });
  expect(readme).toContain(/^The second card's account\n(?: {2}.*\n)+/m.exec(output)?.[0]);
  const { lines, why } =
    /^Invoice \d+ of short.*\n(?<lines>(?: {2}.*\n)+Total: .*\n)To verify.*\n(?<why>Why: .*\n(?: {2}.*\n)+)/m.exec(
      output,
    )?.groups ?? {};
  expect(readme).toContain(`${lines}${why}`);
}

describe("the demo", () => {
  test("balances, bills every tenant, and comes out the same with the processor killed three times", {
    timeout: 600_000,
  }, async () => {
    const { account, output } = await runDemo();
    const { events, gpu_time_ns: time } = account;
    expect(sum([events["counted"], events["duplicate"], events["conflict"], events["rejected"]])).toBe(
      sum([events["received"]]),
    );
    expect(sum([time["sessions"], time["operator"], time["idle"], time["unattributed"]])).toBe(
      sum([time["physical"]]),
    );
    const { busy_ns: busy } = account;
    expect(sum([busy["sessions"], busy["operator"], busy["unmetered"]])).toBe(sum([busy["busy"]]));
    // every step of the recording was measured, so nothing is left without a name
    expect(time["sessions"]).toBe("118226267900");
    expect(time["unattributed"]).toBe("0");
    expect(events).toEqual({ received: 1380, counted: 1323, duplicate: 42, conflict: 3, rejected: 12 });
    expect(account.hours_closed).toBe(2);
    expect(account.tenants_billed).toBe(16);
    expect(account.charges_total).toBe("0.063987649512");
    expect(account.currency).toBe("USD");
    expect(output).toMatch(/Demo is published: in USD from 2026-01-01T00:00:00Z on/);
    expect(output).toMatch(/revised .* revision 2/);
    expectInvoices(output);
    const readme = readFileSync(`${PROJECT_ROOT}README.md`, "utf8");
    expect(readme).toContain(/^The account\n(?: {2}.*\n)+/m.exec(output)?.[0]);
    expect(readme).toContain(
      /^Invoice 2 of .*\n(?<lines>(?: {2}.*\n)+Total: .*\n)/m.exec(output)?.groups?.["lines"],
    );

    expectSecondCard(account, output, readme);

    const { account: killed, output: killedOutput } = await runDemo("--kills", "3");
    expect(killedOutput.match(/killed the processor/g)).toHaveLength(3);
    expect({ ...killed, seconds: 0 }).toEqual({ ...account, seconds: 0 });
    expectInvoices(killedOutput);
  });

  test.each([
    ["soon", 2, '--boundary "soon" is no hour'],
    ["2099-01-01T00:00Z", 1, "--boundary: its hour and the next one must be over"],
  ])("says what --boundary %s should be", async (boundary, expected, sentence) => {
    const child = spawn(
      process.execPath,
      [`${PROJECT_ROOT}services/local/demo/main.ts`, "--boundary", boundary],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    expect(code).toBe(expected);
    expect(said).toContain(sentence);
  });
});
