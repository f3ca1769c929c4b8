import fastify from "fastify";
import type { Metrics } from "../metrics/metrics.ts";
import { listen } from "./listen.ts";

/** The server for the people and machines who run a process. */
export interface OpsServer {
  /** The port that it listens on, also where 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

export interface OpsServerOptions {
  readonly port: number;
  /** Loopback unless told otherwise: figures about tenants' load are nobody else's business. */
  readonly host?: string;
  readonly metrics: Pick<Metrics, "exposition">;
  /** Reasons why the process cannot do its work now; none means ready. */
  readonly notReady: () => readonly string[];
}

/**
 * Serves /metrics, /healthz (the process answers) and /readyz (it can work; else 503 with the reasons).
 * @throws PortError where the port cannot be had
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
