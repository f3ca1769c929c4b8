import { describe, expect, it } from "vitest";
import { readCommandLine } from "../../../services/adapters/command/command.ts";
import { hourEndMs } from "../../../services/domain/time/hour.ts";
import { COMMANDS } from "../../../services/settlement/command.ts";
import { runPassAsLeader } from "../../../services/settlement/passes.ts";
import { passText } from "../../../services/settlement/print.ts";
import { findDueHours } from "../../../services/settlement/steps/find-hours.ts";
import { ManualClock } from "../../support/doubles/manual-clock.ts";
import { MemorySettlementStore } from "../../support/doubles/memory-settlement-store.ts";
import { GRACE_MS, pass, settlementOver, TEN } from "../../support/flows/settlement-pass.ts";
import { batch } from "../../support/stores/logged-batches.ts";

describe("the command line", () => {
  it.each([
    [[], { kind: "serve" }],
    [["--check-config"], { kind: "serve" }],
    [["close", "--through", "2026-11-23T10:00Z"], { kind: "close", request: { through: TEN }, json: false }],
    [
      ["close", "--through", "2026-11-23T10:00:00Z", "--reason", "r", "--json"],
      { kind: "close", request: { through: TEN, reason: "r" }, json: true },
    ],
    [
      ["close", "--hour", "2026-11-23T10:00Z", "--reason", "r"],
      { kind: "close", request: { through: 0, reviseHour: TEN, reason: "r" }, json: false },
    ],
    [
      ["audit", "--hours", "2026-11-23T10:00Z..2026-11-23T11:00Z", "--depth", "rows"],
      { kind: "audit", request: { from: TEN, to: TEN + 3600, depth: "rows" }, json: false },
    ],
    [
      ["verify", "--hour", "2026-11-23T10:00Z", "--deep"],
      { kind: "audit", request: { from: TEN, to: TEN, depth: "records" }, json: false },
    ],
    [["verify", "--hour", "2026-11-23T10:00Z"], { kind: "verify", hour: TEN, revision: 0, json: false }],
  ])("%j", (argv, command) => {
    expect(readCommandLine(COMMANDS, argv)).toEqual({ kind: "command", command });
  });

  it.each([
    [["close"], /--through or --hour/],
    [["close", "--hour", "2026-11-23T10:00Z"], /say why/],
    [["close", "--hour", "2026-11-23T10:00Z", "--reason", " "], /say why/],
    [["close", "--through", "10:30"], /no hour/],
    [["verify"], /needs --hour or --chain/],
    [["audit"], /--hours <first..last> is missing/],
    [["audit", "--hours", "2026-11-23T10:00Z"], /no range of hours/],
    [["verify", "--hour", "2026-11-23T10:00Z", "--revision", "x"], /whole number/],
    [["pay"], /no command "pay"/],
    [["--frobnicate"], /frobnicate/],
    [["close", "--trough", "2026-11-23T10:00Z"], /unknown option '--trough' \(Did you mean --through\?\)/],
    [["close", "2026-11-23T10:00Z"], /close takes nothing beside its options/],
    [["close", "--through"], /argument missing/],
    [
      ["close", "--hour", "10:30", "--colour", "red", "--through", "now"],
      /3 faults.*--hour "10:30" is no hour.*--through "now" is no hour.*--colour/s,
    ],
  ])("%j is answered with what is wrong", (argv, problem) => {
    expect(readCommandLine(COMMANDS, argv)).toEqual({
      kind: "text",
      text: expect.stringMatching(problem),
      exitCode: 2,
    });
  });
});

describe("a GPU that works for somebody whom no probe meters", () => {
  const gpu = {
    gpu_model: "NVIDIA H100 80GB HBM3",
    physical_ns: 3_600_000_000_000n,
    busy_ns: 1_000_000_000_000n,
    unmetered_processes: ["4711:python3", "4712:Xorg"],
  };

  it("is warned about by name when its hour is closed, once, and counted", async () => {
    const clock = new ManualClock(hourEndMs(TEN) + 400 * 3_600_000);
    const store = new MemorySettlementStore(clock);
    store.append(batch(0, 0, [{ id: "a", hour: TEN }]));
    store.watched(TEN, [
      { ...gpu, gpu_uuid: "GPU-1", unmetered_ns: 180_000_000_001n },
      { ...gpu, gpu_uuid: "GPU-2", unmetered_ns: 180_000_000_000n },
    ]);
    const warnings: object[] = [];
    const deps = settlementOver(store, { clock });
    const log = { ...deps.log, warn: (fields: object) => warnings.push(fields) };
    const watched = { ...deps, log: log as typeof deps.log };
    await runPassAsLeader(watched, {});
    await runPassAsLeader(watched, {});
    expect(warnings).toEqual([
      expect.objectContaining({
        hour: "2026-11-23T10:00:00Z",
        gpu_uuid: "GPU-1",
        unmetered_ns: "180000000001",
        unmetered_processes: ["4711:python3", "4712:Xorg"],
      }),
    ]);
    const { body } = await deps.metrics.exposition();
    expect(body).toMatch(/^meterhouse_unmetered_gpu_hours_total\{.*\} 1$/m);
    expect(body).toMatch(/^meterhouse_unmetered_seconds_total\{.*\} 360\.00/m);
  });
});

describe("due hours", () => {
  it("a backlog is sorted out with few questions, and none of it is left out", async () => {
    const clock = new ManualClock(hourEndMs(TEN) + 400 * 3_600_000);
    const hours = Array.from({ length: 300 }, (_, index) => TEN + index * 3600);
    for (const firstOpen of [0, 1, 150, 299, 300]) {
      const store = new MemorySettlementStore(clock);
      store.append(
        batch(
          0,
          0,
          hours.map((hour, index) => ({ id: `e${index}`, hour })),
        ),
      );
      let queries = 0;
      const offsetsAt = async (timeMs: number) => {
        queries += 1;
        const isIn = timeMs < hourEndMs(TEN + firstOpen * 3600) + GRACE_MS;
        return new Map([[0, isIn ? 300 : 301]]);
      };
      const deps = settlementOver(store, { clock, logTimes: { offsetsAt } });
      const due = await findDueHours(deps, await store.positions(), Number.MAX_SAFE_INTEGER);
      const closable = due.closable.map(({ hour }) => hour);
      expect({ ...due, closable }).toEqual({
        closable: hours.slice(0, firstOpen),
        waiting: hours.slice(firstOpen),
      });
      expect(queries).toBeLessThanOrEqual(10);
    }
  });
});

describe("one pass by hand", () => {
  it("waits for the lead and then says what it did", async () => {
    const clock = new ManualClock(hourEndMs(TEN) + 3_600_000);
    const store = new MemorySettlementStore(clock);
    store.append(batch(0, 0, [{ id: "a", hour: TEN }]));
    await store.takeLease("other", 5_000);
    const waiting = runPassAsLeader(settlementOver(store, { clock }), { through: TEN });
    await clock.advance(await clock.asleep());
    const result = await waiting;
    if (result.kind !== "settled") throw new Error("not settled");
    expect(passText(result, false)).toBe(
      "closed   2026-11-23T10:00:00Z revision 1, 1 events\n" +
        "rated    2026-11-23T10:00:00Z revision 1: 1 charges, 0.032291666667 USD",
    );
    expect(JSON.parse(passText(result, true))).toMatchObject({
      closed: [{ hour: "2026-11-23T10:00:00Z", revision: 1 }],
      rated: [{ charges_total: "0.032291666667", currency: "USD" }],
    });
    expect(passText(await pass(settlementOver(store, { clock })), false)).toBe("nothing to close");
  });
});
