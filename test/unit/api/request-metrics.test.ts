import { request } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { eventually } from "../../support/checks/eventually.ts";
import { testApi } from "../../support/flows/pricing-api.ts";

async function open() {
  const metrics = createMetrics("pricing");
  const setup = await testApi({ metrics });
  onTestFinished(() => setup.api.close());
  const value = async (series: string): Promise<number | undefined> => {
    const { body } = await metrics.exposition();
    const line = body.split("\n").find((it) => it.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
  return { ...setup, metrics, value };
}

function requests(route: string, method: string, status: string): string {
  const labels = `route="${route}",method="${method}",status="${status}",process="pricing"`;
  return `meterhouse_http_requests_total{${labels}}`;
}

it("counts requests by route, method and class of the status, and times them", async () => {
  const { ask, value } = await open();
  const path = "/v1/budgets";
  expect(await value(requests(path, "GET", "5xx"))).toBe(0);
  expect((await ask("operator", { method: "GET", url: "/v1/budgets" })).status).toBe(200);
  expect((await ask("nobody", { method: "GET", url: "/v1/budgets" })).status).toBe(401);
  expect(await value(requests(path, "GET", "2xx"))).toBe(1);
  expect(await value(requests(path, "GET", "4xx"))).toBe(1);
  expect(
    await value(`meterhouse_http_request_seconds_count{process="pricing",route="${path}",method="GET"}`),
  ).toBe(2);
  expect(await value('meterhouse_http_requests_in_flight{process="pricing"}')).toBe(0);
});

it("makes no series of paths that somebody guesses", async () => {
  const { ask, value, metrics } = await open();
  for (const url of ["/v1/a", "/v1/b", "/wp-login.php"]) await ask("nobody", { method: "GET", url });
  expect(await value(requests("other", "any", "4xx"))).toBe(3);
  expect((await metrics.exposition()).body).not.toContain("wp-login");
});

it("counts a request whose client went away", async () => {
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const { api, keys, pricing, value } = await open();
  const { documents } = pricing;
  const list = documents.newest.bind(documents);
  documents.newest = async (...args: Parameters<typeof list>) => {
    reached.resolve();
    await held.promise;
    return list(...args);
  };
  await api.listen({ port: 0, host: "127.0.0.1" });
  const address = api.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const headers = { authorization: `Bearer ${keys.operator}` };
  const sent = request({ port, host: "127.0.0.1", path: "/v1/budgets", headers });
  sent.on("error", () => {}).end();
  await reached.promise;
  expect(await value('meterhouse_http_requests_in_flight{process="pricing"}')).toBe(1);
  sent.destroy();
  await eventually("the request is over", async () =>
    (await value('meterhouse_http_requests_in_flight{process="pricing"}')) === 0 ? true : undefined,
  );
  held.resolve();
  expect(await value(requests("/v1/budgets", "GET", "aborted"))).toBe(1);
});
