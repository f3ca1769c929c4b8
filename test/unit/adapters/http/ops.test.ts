import { afterEach, expect, it } from "vitest";
import { PortError } from "../../../../services/adapters/http/listen.ts";
import { type OpsServer, startOpsServer } from "../../../../services/adapters/http/ops.ts";

const open: OpsServer[] = [];
const metrics = { exposition: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }) };

async function server(options: { port?: number; host?: string; notReady?: () => readonly string[] } = {}) {
  const started = await startOpsServer({ port: 0, metrics, notReady: () => [], ...options });
  open.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((started) => started.close()));
});

it("serves metrics and health on a free port of loopback", async () => {
  const { port } = await server();
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(response.headers.get("content-type")).toContain("version=0.0.4");
  expect(await response.text()).toBe("up 1\n");
  expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toEqual({ status: "ok" });
});

it("is ready only while there is no reason against it", async () => {
  let reasons: string[] = ["ClickHouse is away"];
  const { port } = await server({ notReady: () => reasons });
  const away = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([away.status, await away.json()]).toEqual([503, { ready: false, reasons: ["ClickHouse is away"] }]);
  reasons = [];
  const back = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([back.status, await back.json()]).toEqual([200, { ready: true, reasons: [] }]);
});

it("says what to do about a port that is taken or an address that is not here", async () => {
  const { port } = await server();
  await expect(server({ port })).rejects.toThrow(
    new PortError(
      `Port ${port} on 127.0.0.1 is taken. Set METERHOUSE_METRICS_PORT to another port, or to 0 for any free one.`,
    ),
  );
  await expect(server({ host: "192.0.2.1" })).rejects.toThrow("is no address of this machine");
});
