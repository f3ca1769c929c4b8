import { expect, it } from "vitest";
import { Cache } from "../../../../services/billing/cache/cache.ts";
import { ManualClock } from "../../../support/doubles/manual-clock.ts";

const AGE = { freshMs: 10, staleMs: 100 };

function counting() {
  const clock = new ManualClock(0);
  const lookUps: string[] = [];
  const failures: unknown[] = [];
  let isAway = false;
  const lookUp = async (key: string) => {
    lookUps.push(key);
    if (isAway) throw new Error("away");
    return lookUps.length;
  };
  const onFailure = (error: unknown) => void failures.push(error);
  const cache = new Cache<number>({ clock, weightMax: 2, onFailure });
  const find = (key: string, age = AGE) => cache.get(key, age, () => lookUp(key));
  return { clock, lookUps, failures, find, goAway: (to: boolean) => (isAway = to) };
}

it("one look-up answers all who ask meanwhile, and not again while it is fresh", async () => {
  const { find, lookUps, clock } = counting();
  const answers = await Promise.all([find("a"), find("a")]);
  await clock.advance(9);
  expect([...answers, await find("a")].map(({ value }) => value)).toEqual([1, 1, 1]);
  expect(lookUps).toEqual(["a"]);
});

it("a failure while nobody waits goes to the log, and the old answer stays; whoever waits gets it", async () => {
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

it("the least used is forgotten where there are too many", async () => {
  const { find, lookUps } = counting();
  for (const key of ["a", "b", "c", "b", "a"]) await find(key);
  expect(lookUps).toEqual(["a", "b", "c", "a"]);
});

it("an answer is as old as its question, and one that may have no age is looked up anew", async () => {
  const { find, lookUps, clock } = counting();
  const none = { freshMs: 0, staleMs: 0 };
  await find("a", none);
  await find("a", none);
  expect(lookUps).toEqual(["a", "a"]);
  const short = { freshMs: 5, staleMs: 5 };
  await find("a", short);
  await clock.advance(5);
  await find("a", short);
  expect(lookUps).toEqual(["a", "a", "a"]);
});

it("entries never weigh more than they may; the least used go first", () => {
  const clock = new ManualClock(0);
  const cache = new Cache<Uint8Array>({ clock, weightMax: 10, weightOf: ({ length }) => length });
  const put = (key: string, length: number) => cache.put(key, new Uint8Array(length));
  put("a", 4);
  put("b", 4);
  cache.peek("a");
  put("c", 4);
  put("d", 11);
  expect(["a", "b", "c", "d"].filter((key) => cache.peek(key) !== undefined)).toEqual(["a", "c"]);
  put("e", 10);
  expect(["a", "c", "e"].filter((key) => cache.peek(key) !== undefined)).toEqual(["e"]);
});
