import { expect, it } from "vitest";
import { remember } from "../../../../services/billing/cache/stale-while-revalidate.ts";
import { ManualClock } from "../../../support/doubles/manual-clock.ts";

function counting(changes: Partial<Parameters<typeof remember>[1]> = {}) {
  const clock = new ManualClock(0);
  const asked: string[] = [];
  const failures: unknown[] = [];
  let isAway = false;
  const lookUp = async (key: string) => {
    asked.push(key);
    if (isAway) throw new Error("away");
    return asked.length;
  };
  const terms = { freshMs: 10, staleMs: 100, entriesMax: 2, failed: (it: unknown) => void failures.push(it) };
  const find = remember(lookUp, { ...terms, ...changes }, clock);
  return { clock, asked, failures, find, goAway: (to: boolean) => (isAway = to) };
}

it("what is looked up is told to all who ask meanwhile, and not again while it is fresh", async () => {
  const { find, asked, clock } = counting();
  const answers = await Promise.all([find("a"), find("a")]);
  await clock.advance(10);
  expect([...answers, await find("a")].map(({ value }) => value)).toEqual([1, 1, 1]);
  expect(asked).toEqual(["a"]);
});

it("a failure while nobody waits is told to the log, and the old answer stays; whoever waits gets it", async () => {
  const { find, clock, failures, goAway } = counting();
  await find("a");
  goAway(true);
  await clock.advance(11);
  expect((await find("a")).value).toBe(1);
  await new Promise(setImmediate);
  expect(failures).toHaveLength(1);
  await clock.advance(100);
  await expect(find("a")).rejects.toThrow("away");
  goAway(false);
  expect((await find("a")).value).toBe(4);
});

it("the oldest is forgotten where there are too many", async () => {
  const { find, asked } = counting();
  for (const key of ["a", "b", "c", "b", "a"]) await find(key);
  expect(asked).toEqual(["a", "b", "c", "a"]);
});
