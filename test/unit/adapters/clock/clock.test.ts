import { expect, it } from "vitest";
import { systemClock, systemRandom } from "../../../../services/adapters/clock/clock.ts";
import { ManualClock } from "../../../support/doubles/manual-clock.ts";

it("the system clock sleeps, and wakes with the signal's reason when it is aborted", async () => {
  const before = systemClock.monotonicMs();
  await systemClock.sleep(5);
  expect(systemClock.monotonicMs() - before).toBeGreaterThan(3);
  const controller = new AbortController();
  const sleeping = systemClock.sleep(60_000, controller.signal);
  const reason = new Error("stop");
  controller.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  expect(systemClock.nowMs()).toBeGreaterThan(1_700_000_000_000);
});

it("random numbers lie in [0, 1)", () => {
  const drawn = Array.from({ length: 100 }, systemRandom);
  expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
});

it("the manual clock wakes sleepers in order, also those that sleep again meanwhile", async () => {
  const clock = new ManualClock(1_000);
  const woken: string[] = [];
  const twice = async () => {
    await clock.sleep(10);
    woken.push(`first at ${clock.nowMs()}`);
    await clock.sleep(10);
    woken.push(`again at ${clock.nowMs()}`);
  };
  const once = clock.sleep(15).then(() => woken.push(`second at ${clock.nowMs()}`));
  const done = twice();
  expect(await clock.asleep()).toBe(10);
  await clock.advance(100);
  await Promise.all([once, done]);
  expect(woken).toEqual(["first at 1010", "second at 1015", "again at 1020"]);
  expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1_100, 100]);
});

it("the manual clock's sleep can be aborted, before and during it", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const during = clock.sleep(10, controller.signal);
  controller.abort("stop");
  await expect(during).rejects.toBe("stop");
  await expect(clock.sleep(10, controller.signal)).rejects.toBe("stop");
  await clock.advance(20);
});
