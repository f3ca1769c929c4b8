// A Kafka cluster of three brokers of a test's own, of which each can be killed.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { clusterId, startKafka } from "../../../services/local/kafka.ts";
import { freePort } from "../../../services/local/ports.ts";
import type { Server } from "../../../services/local/server.ts";

const NODES = [1, 2, 3] as const;
const HEAP_MB = 256;
const START_MS_MAX = 90_000;

export interface ThreeBrokers {
  readonly addresses: readonly string[];
  /** `kill -9`; nodes are numbered from 1 on. */
  kill(node: number): Promise<void>;
}

export async function threeBrokers(): Promise<ThreeBrokers> {
  const directory = await mkdtemp(join(tmpdir(), "meterhouse-cluster-"));
  const servers: Server[] = [];
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const ports: number[] = [];
  while (ports.length < 2 * NODES.length) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const clientPorts = ports.slice(0, NODES.length);
  const controllerPorts = ports.slice(NODES.length);
  const id = clusterId();
  const started = await Promise.allSettled(
    NODES.map(async (node) => {
      const folder = join(directory, String(node));
      await mkdir(folder);
      return startKafka({
        directory: folder,
        port: clientPorts[node - 1] as number,
        controllerPort: controllerPorts[node - 1] as number,
        cluster: { id, node, controllerPorts },
        heapMb: HEAP_MB,
        startMsMax: START_MS_MAX,
      });
    }),
  );
  for (const one of started) if (one.status === "fulfilled") servers.push(one.value);
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return {
    addresses: clientPorts.map((port) => `127.0.0.1:${port}`),
    kill: (node) => (servers[node - 1] as Server).kill(),
  };
}
