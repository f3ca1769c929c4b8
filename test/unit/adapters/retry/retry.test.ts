import { describe, expect, it } from "vitest";
import { createLog } from "../../../../services/adapters/log/log.ts";
import { AwayError, retryUntilBack } from "../../../../services/adapters/retry/retry.ts";
import { ManualClock } from "../../../support/doubles/manual-clock.ts";

class Away extends Error {}

function bench() {
  const lines: { msg: string; [field: string]: unknown }[] = [];
  const clock = new ManualClock();
  const controller = new AbortController();
  const options = {
    isRetriable: (error: unknown) => error instanceof Away,
    log: createLog({ level: "info", name: "test", to: { write: (line) => lines.push(JSON.parse(line)) } }),
    clock,
    signal: controller.signal,
    random: () => 0,
  };
  return { lines, clock, controller, options };
}

describe("retryUntilBack", () => {
  it("says nothing where nothing fails", async () => {
    const { lines, options } = bench();
    expect(await retryUntilBack("ClickHouse", async () => 7, options)).toBe(7);
    expect(lines).toEqual([]);
  });

  it("backs off exponentially up to its limit and tells of the outage's start and end once each", async () => {
    const { lines, clock, options } = bench();
    let left = 5;
    const attempt = async () => {
      left -= 1;
      if (left >= 0) throw new Away("refused");
      return "there";
    };
    const pauses: number[] = [];
    const result = retryUntilBack("ClickHouse", attempt, { ...options, pauseMsMin: 100, pauseMsMax: 500 });
    for (let round = 0; round < 5; round += 1) {
      const pause = await clock.asleep();
      pauses.push(pause);
      await clock.advance(pause);
    }
    expect(await result).toBe("there");
    expect(pauses).toEqual([100, 200, 400, 500, 500]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      "ClickHouse is away; trying until it is back",
      "ClickHouse is back",
    ]);
    expect(lines[1]).toMatchObject({ away_ms: 1_700, failures: 5 });
  });

  it("gives up once the outage outlasts its patience, however long all went well before", async () => {
    const { clock, options } = bench();
    const failing = async () => Promise.reject(new Away("refused"));
    await clock.advance(60_000);
    const result = retryUntilBack("ClickHouse", failing, { ...options, pauseMsMin: 100, patienceMs: 1_000 });
    const over = expect(result).rejects.toEqual(new AwayError("ClickHouse", new Away("refused")));
    const pauses: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const pause = await clock.asleep();
      pauses.push(pause);
      await clock.advance(pause);
    }
    await over;
    expect(pauses).toEqual([100, 200, 400]);
  });

  it("takes up to half off a pause at random", async () => {
    const { clock, controller, options } = bench();
    const failing = async () => Promise.reject(new Away());
    const result = retryUntilBack("Kafka", failing, { ...options, random: () => 0.5, pauseMsMin: 100 });
    expect(await clock.asleep()).toBe(75);
    controller.abort("stop");
    await expect(result).rejects.toBe("stop");
  });

  it("throws at once what waiting cannot mend", async () => {
    const { lines, options } = bench();
    const attempt = async () => Promise.reject(new TypeError("a mistake"));
    await expect(retryUntilBack("Kafka", attempt, options)).rejects.toThrow("a mistake");
    expect(lines).toEqual([]);
  });

  it("does not even try after the signal", async () => {
    const { controller, options } = bench();
    controller.abort("stop");
    const attempt = async () => Promise.reject(new Error("tried"));
    await expect(retryUntilBack("Kafka", attempt, options)).rejects.toBe("stop");
  });
});
