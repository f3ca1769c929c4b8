// How every process starts: log, metrics, ops server, ClickHouse, and then what it is for.
import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { ClickHouse } from "../clickhouse/client.ts";
import { isRetriable } from "../clickhouse/failure.ts";
import { storeReason } from "../clickhouse/store-reason.ts";
import { systemClock } from "../clock/clock.ts";
import { startOpsServer } from "../http/ops.ts";
import { type Life, runProcess } from "../lifecycle/lifecycle.ts";
import { createLog } from "../log/log.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import type { ProcessName } from "../metrics/owners.ts";
import { retryUntilBack } from "../retry/retry.ts";
import { version } from "./build.ts";
import type { ServiceConfig } from "./fields.ts";
import { connectedClickHouse } from "./store.ts";

export interface Service {
  readonly life: Life;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly clickhouse: ClickHouse;
  /** Tries while ClickHouse is away, until the process stops or `signal` is aborted. */
  readonly retry: <T>(attempt: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** The process is not ready for this reason until the returned function is called. */
  readonly notReady: (reason: string) => () => void;
}

/**
 * Runs a process that stays. It answers /healthz from the start and /readyz once nothing keeps it from its work; while
 * ClickHouse is away it waits, and says so.
 */
export async function runService(
  name: ProcessName,
  config: ServiceConfig,
  body: (service: Service) => Promise<void>,
): Promise<void> {
  const log = createLog({ level: config.log_level, name });
  const clock = systemClock;
  const metrics = createMetrics(name);
  metrics.build_info.set({ version: version(), commit: config.build_commit }, 1);
  const reasons = new Set<string>();
  const notReady = (reason: string) => {
    reasons.add(reason);
    return () => void reasons.delete(reason);
  };
  await runProcess({ log }, async (life) => {
    const started = notReady("it is still starting");
    const { metrics_host: host, metrics_port } = config;
    const { port } = await life.start(
      "ops server",
      () => startOpsServer({ host, port: metrics_port, metrics, notReady: () => [...reasons] }),
      (server) => server.close(),
    );
    log.info({ port }, "metrics are served");
    const counted = (error: unknown) => {
      const isTransient = isRetriable(error);
      if (isTransient) metrics.store_failures.inc({ reason: storeReason(error) });
      return isTransient;
    };
    const retry = <T>(attempt: () => Promise<T>, signal = life.signal) =>
      retryUntilBack("ClickHouse", attempt, { isRetriable: counted, log, clock, signal });
    const clickhouse = await life.start(
      "ClickHouse",
      () => retry(() => connectedClickHouse(config)),
      (it) => it.close(),
    );
    await body({ life, log, clock, metrics, clickhouse, retry, notReady });
    started();
  });
}
