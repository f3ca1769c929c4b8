// Floods: what one client or tenant sends in numbers is paid by itself, and does not come before another's request.
import type { InjectOptions } from "fastify";
import { describe, expect, it } from "vitest";
import { randomHex, sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { clientOf } from "../../../services/adapters/http/client-address.ts";
import { matchesEtag } from "../../../services/adapters/http/etag.ts";
import { FairGate } from "../../../services/adapters/http/fair-gate.ts";
import { newKey } from "../../../services/billing/access/keys.ts";
import { testApi } from "../../support/flows/pricing-api.ts";

const VERIFY = "/v1/hours/2026-11-23T10:00:00Z/verify";
const unknownKey = (id: number) => `mh_${id.toString(16).padStart(12, "0")}_${"0".repeat(64)}`;

/** An API whose verifications wait until they are let go, in the order in which they begin. */
async function slowApi() {
  const waiting: (() => void)[] = [];
  const begun: string[] = [];
  const first = await testApi();
  const { verifier } = first.pricing;
  const slow: typeof verifier = {
    logFloor: () => verifier.logFloor(),
    verifyTenantHour: (...args) => verifier.verifyTenantHour(...args),
    async verify(hour, revision, audience) {
      begun.push(audience.kind === "tenant" ? audience.tenant_id : "all");
      await new Promise<void>((resolve) => waiting.push(resolve));
      return verifier.verify(hour, revision, audience);
    },
  };
  const found = await testApi({ verifier: slow });
  const { key, document } = newKey({ scope: "tenant", tenant_id: "globex", name: "g" }, "test", {
    hash: sha256,
    random: randomHex,
  });
  await found.pricing.documents.append([document]);
  const asGlobex = (options: InjectOptions) =>
    found.api.inject({ ...options, headers: { authorization: `Bearer ${key}` } });
  const letGo = async () => {
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    waiting.shift()?.();
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  };
  return { ...found, begun, waiting, asGlobex, letGo };
}

describe("expensive requests", () => {
  it("of a tenant that sends thirty at once come after the one of another tenant", async () => {
    const { ask, asGlobex, begun, letGo, waiting } = await slowApi();
    const flood = Array.from({ length: 30 }, () => ask("acme", { url: VERIFY }));
    await letGo();
    const other = asGlobex({ url: VERIFY });
    await letGo();
    expect(begun.indexOf("globex")).toBeGreaterThanOrEqual(0);
    expect(begun.indexOf("globex")).toBeLessThan(6);
    expect(begun.length).toBeLessThan(10);
    let isOver = false;
    const all = Promise.all([...flood, other]).finally(() => {
      isOver = true;
    });
    while (!isOver) await letGo();
    expect(waiting).toHaveLength(0);
    expect((await all).length).toBe(31);
  });

  it("beyond those that may wait are refused, with when to come again", async () => {
    const { ask, letGo } = await slowApi();
    let isOver = false;
    const all = Promise.all(Array.from({ length: 60 }, () => ask("acme", { url: VERIFY }))).finally(() => {
      isOver = true;
    });
    while (!isOver) await letGo();
    const busy = (await all).filter(({ status }) => status === 429);
    expect(busy.length).toBe(60 - 2 - 32);
    expect(busy[0]).toMatchObject({ body: { code: "API_CALLER_BUSY" }, headers: { "retry-after": "2" } });
  });

  it("count as ten in the rate of their key", async () => {
    const { ask } = await testApi({ rate: { perSecond: 1, burst: 20 } });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask("operator", { url: VERIFY })).status);
    expect(statuses.map((status) => status === 429)).toEqual([false, false, true]);
  });

  it("go round among those who wait, whatever each has waiting", async () => {
    const limits = { running_max: 1, running_max_per_caller: 1, waiting_max_per_caller: 9, waiting_max: 20 };
    const gate = new FairGate(limits);
    const order: string[] = [];
    const work = ["a", "a", "a", "a", "b", "c", "b"].map(async (caller) => {
      const place = gate.enter(caller);
      if ("refused" in place) throw new Error("refused");
      const leave = await place;
      order.push(caller);
      await new Promise(setImmediate);
      leave();
      leave();
    });
    await Promise.all(work);
    expect(order.join("")).toBe("aabcaba");
  });
});

describe("keys that there are not", () => {
  it("cost a look-up each only while their address may ask, and never another's key its own", async () => {
    const { api, ask, pricing } = await testApi({ rate: { perSecond: 1, burst: 10 } });
    let lookUps = 0;
    const { documents } = pricing;
    const newest = documents.newest.bind(documents);
    documents.newest = (...args) => {
      lookUps++;
      return newest(...args);
    };
    expect((await ask("acme", { url: "/v1/usage" })).status).toBe(200);
    lookUps = 0;
    const answers = [];
    for (let i = 0; i < 100; i++) {
      const headers = { authorization: `Bearer ${unknownKey(i)}` };
      answers.push((await api.inject({ url: "/v1/usage", headers })).statusCode);
    }
    expect(new Set(answers)).toEqual(new Set([401, 429]));
    expect(lookUps).toBe(answers.filter((status) => status === 401).length);
    expect(lookUps).toBeLessThanOrEqual(10);
    expect((await ask("acme", { url: "/v1/usage" })).status).toBe(200);
  });

  it("are looked up once in a while, however often they come", async () => {
    const { api, pricing } = await testApi();
    let lookUps = 0;
    const { documents } = pricing;
    const newest = documents.newest.bind(documents);
    documents.newest = (...args) => {
      lookUps++;
      return newest(...args);
    };
    for (let i = 0; i < 20; i++) {
      await api.inject({ url: "/v1/usage", headers: { authorization: `Bearer ${unknownKey(7)}` } });
    }
    expect(lookUps).toBe(1);
  });

  it("are told apart by client behind a proxy that is trusted, and only there", async () => {
    const statusesOf = async (trustedProxies: readonly string[]) => {
      const { api } = await testApi({ rate: { perSecond: 1, burst: 5 }, trustedProxies });
      const from = (client: string) =>
        api.inject({ url: "/v1/usage", headers: { "x-forwarded-for": client } });
      for (let i = 0; i < 10; i++) await from("203.0.113.7");
      return (await from("198.51.100.4")).statusCode;
    };
    expect(await statusesOf(["127.0.0.0/8"])).toBe(401);
    expect(await statusesOf([])).toBe(429);
  });

  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:0:1::1", "2001:db8:0:1"],
    ["2001:0db8:0000:0001:ffff:ffff:ffff:ffff", "2001:db8:0:1"],
    ["::1", "0:0:0:0"],
    ["not an address", "not an address"],
  ])("%s counts as %s", (address, client) => {
    expect(clientOf(address)).toBe(client);
  });
});

describe("an If-None-Match header", () => {
  it("of blanks takes a time that grows with its length, not with its square", () => {
    const timeOf = (blanks: number): number => {
      const header = `"a"${" ".repeat(blanks)}x`;
      const startedMs = performance.now();
      for (let i = 0; i < 20; i++) matchesEtag(header, '"b"');
      return performance.now() - startedMs;
    };
    timeOf(15_000);
    const best = (blanks: number) => Math.min(...Array.from({ length: 5 }, () => timeOf(blanks)));
    // 16 times the length: 16 times the time, or 256 by squares; in between is a busy machine
    expect(best(240_000) / best(15_000)).toBeLessThan(100);
  });

  it.each([
    ['"x"', true],
    ['"a" , "x"', true],
    ['W/"x"', true],
    ["*", true],
    ['"xx"', false],
    ["", false],
  ])("%s: %s", (header, isThere) => {
    expect(matchesEtag(header, '"x"')).toBe(isThere);
  });
});
