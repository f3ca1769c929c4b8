import type { FastifyInstance } from "fastify";

/** The port is in use or not allowed; the message says what to do. */
export class PortError extends Error {}

export interface Place {
  readonly host: string;
  readonly port: number;
  /** Prefix of the host and port settings, such as METERHOUSE_METRICS. */
  readonly name: string;
}

/**
 * Starts to listen; returns the port, also if 0 was requested.
 * @throws PortError if the port is not available
 */
export async function listen(app: FastifyInstance, { host, port, name }: Place): Promise<number> {
  try {
    await app.listen({ port, host });
  } catch (error) {
    await app.close();
    throw explain(error, { host, port, name });
  }
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function explain(error: unknown, { host, port, name }: Place): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const remedy = `Set ${name}_PORT to another port, or to 0 for any free one.`;
  if (code === "EADDRINUSE")
    return new PortError(`Port ${port} on ${host} is taken. ${remedy}`, { cause: error });
  if (code === "EACCES")
    return new PortError(`Port ${port} on ${host} is not allowed. ${remedy}`, { cause: error });
  if (code === "EADDRNOTAVAIL") {
    const advice = `Set ${name}_HOST to an address of it, or to 0.0.0.0 for all.`;
    return new PortError(`${host} is no address of this machine. ${advice}`, { cause: error });
  }
  return error;
}
