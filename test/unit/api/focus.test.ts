import { expect, it } from "vitest";
import { EVENT } from "../../support/builders/ledger-rows.ts";
import { testApi } from "../../support/flows/pricing-api.ts";

const RANGE = "from=2026-11-01T00:00Z&to=2026-12-01T00:00Z";

it("answers a file in the format of the request: by name, by header, else CSV", async () => {
  const { ask } = await testApi();
  const file = async (query: string, accept?: string) => {
    const headers = accept === undefined ? {} : { accept };
    const answer = await ask("operator", { url: `/v1/focus?${RANGE}${query}`, headers });
    return [answer.headers["content-type"], answer.body["text"]];
  };
  expect(await file("")).toEqual(["text/csv; charset=utf-8", "csv of everybody"]);
  expect(await file("&format=parquet")).toEqual(["application/vnd.apache.parquet", "parquet of everybody"]);
  expect(await file("", "application/vnd.apache.parquet")).toEqual([
    "application/vnd.apache.parquet",
    "parquet of everybody",
  ]);
  expect(await file("&tenant_id=globex")).toEqual(["text/csv; charset=utf-8", "csv of globex"]);
  const { headers } = await ask("operator", { url: `/v1/focus?${RANGE}` });
  expect(headers["content-disposition"]).toBe(
    'attachment; filename="focus-charges-2026-11-01T00-2026-12-01T00.csv"',
  );
});

it("gives a tenant its own and nobody else's", async () => {
  const { ask } = await testApi();
  expect((await ask("acme", { url: `/v1/focus?${RANGE}` })).body["text"]).toBe("csv of acme");
  const foreign = await ask("acme", { url: `/v1/focus?${RANGE}&tenant_id=globex` });
  expect([foreign.status, foreign.body["code"]]).toEqual([404, "API_NOT_FOUND"]);
});

it.each([
  ["from=2026-12-01T00:00Z&to=2026-11-01T00:00Z", "API_TIMES_REVERSED"],
  ["from=2024-01-01T00:00Z&to=2026-01-01T00:00Z", "API_RANGE_TOO_LONG"],
  [`${RANGE}&format=xlsx`, "API_REQUEST_INVALID"],
])("%s is refused", async (query, code) => {
  const { ask } = await testApi();
  expect((await ask("operator", { url: `/v1/focus?${query}` })).body["code"]).toBe(code);
});

it("what cannot even begin is a problem and not an empty file", async () => {
  const away = {
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    async *file(): AsyncGenerator<Uint8Array> {
      throw new Error("away");
    },
  };
  const { ask } = await testApi({ focus: away, isRetriable: () => true });
  const answer = await ask("operator", { url: `/v1/focus?${RANGE}` });
  expect([answer.status, answer.body["code"]]).toEqual([503, "API_UNAVAILABLE"]);
});

it("corrections and verification of hours whose rows were dropped are refused", async () => {
  const { ask, pricing } = await testApi();
  const hour = "2026-11-23T10:00:00Z";
  const logFloor = async () => Date.parse(hour) / 1000;
  const later = await testApi({
    closed_hours: { logFloor },
    verifier: { ...pricing.verifier, logFloor },
  });
  expect((await ask("operator", { url: `/v1/hours/${hour}/verify` })).status).toBe(200);
  const verify = await later.ask("operator", { url: `/v1/hours/${hour}/verify` });
  expect([verify.status, verify.body["code"]]).toEqual([410, "HOUR_DROPPED"]);
  const id = EVENT;
  const order = { method: "POST" as const, url: `/v1/events/${id}/void`, payload: { reason: "because" } };
  expect((await later.ask("operator", order)).body["code"]).toBe("HOUR_DROPPED");
  expect(later.sent).toEqual([]);
});
