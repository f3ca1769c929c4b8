import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { cronFault, schedule } from "../../../../services/adapters/schedule/schedule.ts";

const EVERY_SECOND = "* * * * * *";

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
});

afterEach(() => {
  vi.useRealTimers();
});

it("tells a cron expression from anything else", () => {
  expect(cronFault("*/5 * * * *")).toBeUndefined();
  expect(cronFault("every minute")).toBe("is no cron expression");
});

it("runs by the clock, never overlaps itself and awaits the run under way when it stops", async () => {
  const ends: (() => void)[] = [];
  let isStopped = false;
  const onFailure = vi.fn();
  const run = vi.fn((signal: AbortSignal) => {
    signal.addEventListener("abort", () => ends.at(-1)?.());
    return new Promise<void>((resolve) => ends.push(resolve));
  });
  const job = schedule(EVERY_SECOND, "close", { run, onFailure });
  await vi.advanceTimersByTimeAsync(3_500);
  expect(run).toHaveBeenCalledTimes(1);
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(run).toHaveBeenCalledTimes(2);
  const stopped = job.stop().then(() => {
    isStopped = true;
  });
  expect(isStopped).toBe(false);
  await stopped;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(run).toHaveBeenCalledTimes(2);
  expect(onFailure).not.toHaveBeenCalled();
});

it("hands on what a run throws and goes on", async () => {
  const onFailure = vi.fn();
  const error = new Error("who knows");
  const run = vi.fn(() => Promise.reject(error));
  const job = schedule(EVERY_SECOND, "close", { run, onFailure });
  await vi.advanceTimersByTimeAsync(2_500);
  expect(run).toHaveBeenCalledTimes(2);
  expect(onFailure).toHaveBeenLastCalledWith(error);
  await job.stop();
});

it("does not call it a failure that a run stops on request", async () => {
  const onFailure = vi.fn();
  const run = vi.fn(
    (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );
  const job = schedule(EVERY_SECOND, "close", { run, onFailure });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(run).toHaveBeenCalledTimes(1);
  await job.stop();
  expect(onFailure).not.toHaveBeenCalled();
});
