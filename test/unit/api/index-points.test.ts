import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeIndexPoints, INDEX_RULES } from "../../../services/billing/index/index-points.ts";
import { computeIndex } from "../../../services/domain/insight/compute-index.ts";
import { type HourSales, seriesSales } from "../../../services/domain/insight/index-sales.ts";
import { formatDecimal } from "../../../services/domain/money/decimal.ts";
import { formatHour } from "../../../services/domain/time/hour.ts";
import { decimal } from "../../support/builders/tenant-hours.ts";
import { memoryHistory } from "../../support/doubles/memory-history.ts";
import { type TestApi, testApi } from "../../support/flows/pricing-api.ts";
import { publishBook } from "../../support/flows/tenant-api.ts";

type Sales = HourSales & { readonly rated_at: number };

const MIDNIGHT = Date.parse("2026-11-23T00:00:00Z") / 1000;
const HOUR_MS = 3_600_000;
const DAY = "from=2026-11-23T00:00Z&to=2026-11-24T00:00Z&currency=USD";

/** A class in the hour at which it was sold, rated ten minutes after its end. */
function sales(at: number, value: string, changes: Partial<Sales> = {}): Sales {
  const hour = MIDNIGHT + at * 3_600;
  return {
    ...{ hour, revision: 1, rating: 1, model: "m", gpu_model: "H100", mig_profile: "" },
    unit_time_ns: decimal("3600000000000"),
    value: decimal(value),
    tenants: ["a", "b", "c"],
    rated_at: (hour + 4_200) * 1_000,
    ...changes,
  };
}

/** At twelve o'clock and a half, so that hours are due up to ten. */
async function open(rows: readonly Sales[]) {
  const stored = [...rows];
  const api = await testApi({ history: memoryHistory({ sessions: [], usage: [], sales: stored }) });
  await publishBook(api, {});
  const now = () => api.clock.nowMs();
  return {
    api,
    /** A later rating in the place of the hour's. */
    revise(at: number, value: string, changes: Partial<Sales> = {}) {
      const index = stored.findIndex((it) => it.hour === MIDNIGHT + at * 3_600);
      stored.splice(index, 1, sales(at, value, { revision: 2, rated_at: now(), ...changes }));
    },
    remove(at: number) {
      const index = stored.findIndex((it) => it.hour === MIDNIGHT + at * 3_600);
      stored.splice(index, 1);
      // The hour was rated again, and nothing was sold in it.
      stored.push(sales(at, "0", { unit_time_ns: 0n, revision: 2, rated_at: now(), tenants: [] }));
    },
    run: () => computeIndexPoints(api.pricing),
  };
}

async function points(api: TestApi, query = "period=hour", who: "acme" | "operator" = "operator") {
  const { status, body } = await api.ask(who, { url: `/v1/index?${DAY}&${query}` });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.items;
}
const brief = (items: readonly Record<string, unknown>[]) =>
  items.map(({ from, level, version }) => `${String(from).slice(11, 13)} ${level} v${version}`);

describe("points of the index", () => {
  it("are published two hours after their period ends, by hour and by day, and once", async () => {
    const { api, run } = await open([sales(8, "2"), sales(9, "3"), sales(10, "9")]);
    // By hour in both series; the day is not over.
    expect(await run()).toEqual({ written: 4, is_outrun: false });
    expect(brief(await points(api))).toEqual(["08 100.000000000000 v1", "09 150.000000000000 v1"]);
    expect(await run()).toEqual({ written: 0, is_outrun: false });
    await api.clock.advance(HOUR_MS);
    expect(await run()).toEqual({ written: 2, is_outrun: false });
    expect((await points(api)).at(-1)).toMatchObject({
      level: "450.000000000000",
      link: "3.000000000000",
      reason: "computed",
      components: [
        {
          gpu_class: "m | H100",
          standing: "matched",
          price: "9.000000000000",
          relative: "3.000000000000",
          tenants_at_least: 3,
        },
      ],
      rests_on: [{ hour: "2026-11-23T10:00:00Z", revision: 1, rating: 1 }],
    });
    await api.clock.advance(14 * HOUR_MS);
    expect(await run()).toEqual({ written: 2, is_outrun: false });
    expect(await points(api, "period=day")).toMatchObject([
      { level: "100.000000000000", rests_on: [{}, {}, {}] },
    ]);
  });

  it("a later revision makes a new version with its reason, and the old one stays to be seen", async () => {
    const { api, run, revise } = await open([sales(7, "1"), sales(8, "2"), sales(9, "3")]);
    await run();
    revise(8, "2.4");
    expect((await run()).written).toBe(4);
    expect(brief(await points(api))).toEqual([
      "07 100.000000000000 v1",
      "08 240.000000000000 v2",
      "09 300.000000000000 v2",
    ]);
    const one = await api.ask("operator", {
      url: "/v1/index/2026-11-23T08:00:00Z?currency=USD&period=hour",
    });
    expect(one.body.items).toMatchObject([
      { version: 2, level: "240.000000000000", reason: "revised: 2026-11-23T08:00:00Z 1.1 to 2.1" },
      { version: 1, level: "200.000000000000", reason: "computed" },
    ]);
    const after = await api.ask("operator", {
      url: "/v1/index/2026-11-23T09:00:00Z?currency=USD&period=hour",
    });
    expect(after.body.items).toMatchObject([{ version: 2, reason: "a point before it was revised" }, {}]);
  });

  it("a period in which nothing was sold after all is withdrawn, and the chain goes on without it", async () => {
    const { api, run, remove } = await open([sales(7, "1"), sales(8, "2"), sales(9, "3")]);
    await run();
    remove(8);
    await run();
    expect(await points(api)).toMatchObject([
      { is_withdrawn: false },
      {
        is_withdrawn: true,
        version: 2,
        level: "200.000000000000",
        reason: expect.stringContaining("1.1 to"),
      },
      { is_withdrawn: false, level: "300.000000000000" },
    ]);
    expect((await run()).written).toBe(0);
  });

  it("a point of an earlier method stands with its level, and nothing is compared with its prices", async () => {
    const { api, run } = await open([sales(7, "1"), sales(8, "2"), sales(9, "3")]);
    const hour = MIDNIGHT + 7 * 3_600;
    // as the chained Fisher wrote it: prices of another unit, 50 a GPU-hour
    const old = {
      ...{ from: formatHour(hour), level: "80", link: "1", laspeyres: "1", paasche: "1" },
      components: [
        {
          ...{ gpu_class: "m | H100", standing: "carried", quantity: "1", value: "50", price: "50" },
          ...{ relative: null, tenants_at_least: 0 },
        },
      ],
      ...{ rests_on: [], is_withdrawn: false },
    };
    const place = { kind: "index_point", id: `USD:all:hour:${formatHour(hour)}`, version: 1 } as const;
    await api.pricing.documents.append([{ ...place, content: old, written_by: "index", reason: "computed" }]);
    await api.clock.advance(HOUR_MS);
    await run();
    const found = await points(api, "period=hour&series=all");
    expect(found.map(({ method, level, version }) => `${method} ${Number(level)} v${version}`)).toEqual([
      "fisher@1 80 v1",
      "geks@1 80 v1",
      "geks@1 120 v1",
    ]);
  });

  it("another process that writes at the same time goes first", async () => {
    const { api } = await open([sales(8, "2")]);
    const documents = { ...api.pricing.documents, append: async () => "version_taken" as const };
    const bound = {
      ...api.pricing,
      documents: { ...documents, list: api.pricing.documents.list.bind(api.pricing.documents) },
    };
    expect(await computeIndexPoints(bound)).toEqual({ written: 0, is_outrun: true });
  });

  it("are what computing everything anew would give, whatever was revised when", async () => {
    const change = fc.record({
      at: fc.nat(8),
      value: fc.integer({ min: 1, max: 50 }),
      gpu_model: fc.constantFrom("H100", "A100"),
      advance: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const stored: Sales[] = [];
        const api = await testApi({ history: memoryHistory({ sessions: [], usage: [], sales: stored }) });
        await publishBook(api, {});
        let revision = 0;
        for (const { at, value, gpu_model, advance } of changes) {
          const rated_at = api.clock.nowMs();
          revision += 1;
          const others = stored.filter((it) => it.hour !== MIDNIGHT + at * 3_600);
          const row = sales(at, String(value), { gpu_model, revision, rated_at });
          stored.splice(0, stored.length, ...others, row);
          await computeIndexPoints(api.pricing);
          await api.clock.advance(advance * HOUR_MS);
        }
        const own = seriesSales(stored, "all", INDEX_RULES.hour);
        const whole = computeIndex(own.sales, INDEX_RULES.hour).map(
          (point) => `${formatHour(point.from)} ${formatDecimal(point.level)}`,
        );
        const found = (await points(api)).filter((it) => it["is_withdrawn"] === false);
        expect(found.map(({ from, level }) => `${from} ${level}`)).toEqual(whole);
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});

describe("who sees what", () => {
  const NARROW = sales(8, "5", { model: "narrow", tenants: ["a", "b"] });

  it("tenants see the series without what fewer than three bought, and no other", async () => {
    const { api, run } = await open([sales(8, "2"), NARROW, sales(9, "3")]);
    await run();
    const shared = await points(api, "period=hour", "acme");
    expect(JSON.stringify(shared)).not.toContain("narrow");
    expect(shared).toMatchObject([{ series: "shared" }, { series: "shared" }]);
    expect(JSON.stringify(await points(api))).toContain("narrow");
    expect(await points(api, "period=hour&series=shared")).toEqual(shared);
    const url = `/v1/index?${DAY}&period=hour&series=all`;
    expect(await api.ask("acme", { url })).toMatchObject({ status: 404 });
    const point = "/v1/index/2026-11-23T08:00:00Z?currency=USD&period=hour";
    expect((await api.ask("acme", { url: `${point}&series=all` })).status).toBe(404);
    expect(JSON.stringify((await api.ask("acme", { url: point })).body)).not.toContain("narrow");
  });

  it("goes on page by page within its own series and range", async () => {
    const { api, run } = await open([6, 7, 8, 9].map((at) => sales(at, "2")));
    await run();
    const range = "from=2026-11-23T07:00Z&to=2026-11-23T10:00Z&currency=USD&period=hour&limit=2";
    const first = await api.ask("operator", { url: `/v1/index?${range}` });
    const rest = await api.ask("operator", { url: `/v1/index?${range}&cursor=${first.body["next_cursor"]}` });
    expect(brief([...first.body.items, ...rest.body.items]).map((it) => it.slice(0, 2))).toEqual([
      "07",
      "08",
      "09",
    ]);
    expect(rest.body["next_cursor"]).toBeNull();
  });

  it.each([
    ["/v1/index?from=2026-11-24T00:00Z&to=2026-11-23T00:00Z&currency=USD&period=day", "API_TIMES_REVERSED"],
    ["/v1/index?from=2026-11-01T00:00Z&to=2027-01-01T00:00Z&currency=USD&period=hour", "API_RANGE_TOO_LONG"],
    ["/v1/index?from=1980-11-01T00:00Z&to=2027-01-01T00:00Z&currency=USD&period=day", "API_RANGE_TOO_LONG"],
    [`/v1/index?${DAY}&period=week`, "API_REQUEST_INVALID"],
    ["/v1/index?from=2026-11-23T00:00Z&to=2026-11-24T00:00Z&period=day", "API_REQUEST_INVALID"],
    ["/v1/index/2026-11-23T08:00:00Z?currency=USD&period=hour", "API_NOT_FOUND"],
  ])("%s: %s", async (url, code) => {
    const api = await testApi();
    expect((await api.ask("operator", { url })).body["code"]).toBe(code);
  });
});
