import { finished } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { STATUS_CLASSES } from "../metrics/owners.ts";
import type { Route } from "./route.ts";

export type RequestMetrics = Pick<Metrics, "http_requests" | "http_seconds" | "http_in_flight">;

/** Requests that no route answers share one label, or whoever guesses paths would make a series of each. */
const OTHER = { path: "other", method: "any" };

/** Counts every request, whatever becomes of it. To be called before routes are added. */
export function countRequests(
  app: FastifyInstance,
  routes: readonly Route[],
  { http_requests, http_seconds, http_in_flight }: RequestMetrics,
  clock: Clock,
): void {
  const known = new Map<string, Pick<Route, "path" | "method">>();
  for (const { path, method } of routes) known.set(keyOf(method, fastifyPath(path)), { path, method });
  for (const { path: route, method } of [...known.values(), OTHER]) {
    http_seconds.zero({ route, method });
    for (const status of STATUS_CLASSES) http_requests.inc({ route, method, status }, 0);
  }
  app.addHook("onRequest", (request, reply, done) => {
    const startedMs = clock.monotonicMs();
    http_in_flight.inc();
    // Not the framework's own hook, which does not see a client that goes away.
    finished(reply.raw, { readable: false }, (error) => {
      const { path: route, method } =
        known.get(keyOf(request.method, request.routeOptions.url ?? "")) ?? OTHER;
      const isAborted = error !== undefined && error !== null;
      const status = isAborted ? "aborted" : `${Math.floor(reply.raw.statusCode / 100)}xx`;
      http_in_flight.dec();
      http_requests.inc({ route, method, status });
      http_seconds.observe({ route, method }, (clock.monotonicMs() - startedMs) / 1000);
    });
    done();
  });
}

/** A route's path as the framework writes it. */
export function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function keyOf(method: string, path: string): string {
  return `${method} ${path}`;
}
