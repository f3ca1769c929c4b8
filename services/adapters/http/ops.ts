import fastify from "fastify";
import type { Metrics } from "../metrics/metrics.ts";

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

/** The port is in use or not allowed; the message says what to do. */
export class PortError extends Error {}

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
  try {
    await app.listen({ port, host });
  } catch (error) {
    await app.close();
    throw explain(error, host, port);
  }
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => app.close(),
  };
}

function explain(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const remedy = "Set METERHOUSE_METRICS_PORT to another port, or to 0 for any free one.";
  if (code === "EADDRINUSE")
    return new PortError(`Port ${port} on ${host} is taken. ${remedy}`, { cause: error });
  if (code === "EACCES")
    return new PortError(`Port ${port} on ${host} is not allowed. ${remedy}`, { cause: error });
  if (code === "EADDRNOTAVAIL") {
    const advice = "Set METERHOUSE_METRICS_HOST to an address of it, or to 0.0.0.0 for all.";
    return new PortError(`${host} is no address of this machine. ${advice}`, { cause: error });
  }
  return error;
}
