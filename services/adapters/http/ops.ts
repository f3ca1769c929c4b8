import fastify from "fastify";
import type { Metrics } from "../metrics/metrics.ts";
import { listen } from "./listen.ts";

/** The server for those who operate a process. */
export interface OpsServer {
  /** The port that it listens on, also if 0 was requested. */
  readonly port: number;
  close(): Promise<void>;
}

export interface OpsServerOptions {
  readonly port: number;
  /** Loopback by default: figures about tenants' load are private. */
  readonly host?: string;
  readonly metrics: Pick<Metrics, "exposition">;
  /** Why the process cannot work at the moment; none means ready. */
  readonly notReady: () => readonly string[];
}

/**
 * Serves /metrics, /healthz (the process is up) and /readyz (it can work; else 503 with the reasons).
 * @throws PortError if the port is not available
 */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const { port, host = "127.0.0.1", metrics, notReady } = options;
  const app = fastify({ forceCloseConnections: true });
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const reasons = notReady();
    return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
  });
  app.get("/metrics", async (_request, reply) => {
    const { contentType, body } = await metrics.exposition();
    return reply.type(contentType).send(body);
  });
  const bound = await listen(app, { host, port, name: "METERHOUSE_METRICS" });
  return { port: bound, close: () => app.close() };
}
