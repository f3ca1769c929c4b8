import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startClickHouse } from "./clickhouse.ts";
import { LocalFailure } from "./failure.ts";
import { startKafka } from "./kafka.ts";
import { freePort, isPortFree } from "./ports.ts";
import { generateUsers, type Users } from "./roles.ts";
import type { Server } from "./server.ts";

const START_MS_MAX = 60_000;
const START_TRIES = 5;
const PRIVATE = 0o600;
const SECRETS_FILE = "secrets.json";
const CORRECTION_KEY_FILE = "correction-key";

export interface StackOptions {
  /** Where data, configuration, logs and secrets go; a new temporary folder by default. */
  readonly directory?: string;
  /** Free ports are chosen by default. */
  readonly kafkaPort?: number;
  readonly clickhousePort?: number;
  /** The ClickHouse databases that the roles have their rights on; `migrate` may create them. */
  readonly databases?: readonly string[];
  /** Leave the data where they are on `stop()`. */
  readonly keep?: boolean;
}

/** A running Kafka broker and ClickHouse engine. Both end with this process, in whatever way it ends. */
export interface Stack {
  readonly directory: string;
  readonly kafkaBrokers: readonly string[];
  readonly clickhouseUrl: string;
  readonly users: Users;
  /** JSON with every role's user name and password; readable by its owner only. */
  readonly secretsFile: string;
  /** For METERHOUSE_CORRECTION_KEY_FILE of the processor and the pricing service; readable by its owner only. */
  readonly correctionKeyFile: string;
  stop(): Promise<void>;
  /** `kill -9`. */
  killKafka(): Promise<void>;
  restartKafka(): Promise<void>;
  killClickHouse(): Promise<void>;
  restartClickHouse(): Promise<void>;
}

/** Starts both servers. Throws LocalFailure, and leaves nothing running, when one of them cannot start. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  await requireFree("Kafka", "--kafka-port", options.kafkaPort);
  await requireFree("ClickHouse", "--clickhouse-port", options.clickhousePort);
  const directory = resolve(options.directory ?? (await mkdtemp(join(tmpdir(), "meterhouse-"))));
  await mkdir(directory, { recursive: true });
  const users = await readOrMakeUsers(join(directory, SECRETS_FILE));
  await makeCorrectionKey(join(directory, CORRECTION_KEY_FILE));
  const databases = options.databases ?? ["meterhouse"];
  const common = { directory, startMsMax: START_MS_MAX };
  const results = await Promise.allSettled([
    onPort(options.kafkaPort, async (port) =>
      startKafka({ ...common, port, controllerPort: await freePort() }),
    ),
    onPort(options.clickhousePort, (port) => startClickHouse({ ...common, users, port, databases })),
  ]);
  const [kafka, clickhouse] = results;
  if (kafka.status === "rejected" || clickhouse.status === "rejected") {
    await Promise.all(
      results.map((one) => (one.status === "fulfilled" ? one.value.server.kill() : undefined)),
    );
    if (options.keep !== true) await removeData(directory);
    throw kafka.status === "rejected" ? kafka.reason : (clickhouse as PromiseRejectedResult).reason;
  }
  return {
    directory,
    kafkaBrokers: [`127.0.0.1:${kafka.value.port}`],
    clickhouseUrl: `http://127.0.0.1:${clickhouse.value.port}`,
    users,
    secretsFile: join(directory, SECRETS_FILE),
    correctionKeyFile: join(directory, CORRECTION_KEY_FILE),
    async stop() {
      // Without a future there is nothing to flush.
      const broker = kafka.value.server;
      await Promise.all([
        options.keep === true ? broker.stop() : broker.kill(),
        clickhouse.value.server.stop(),
      ]);
      if (options.keep !== true) await removeData(directory);
    },
    killKafka: () => kafka.value.server.kill(),
    restartKafka: () => kafka.value.server.restart(),
    killClickHouse: () => clickhouse.value.server.kill(),
    restartClickHouse: () => clickhouse.value.server.restart(),
  };
}

/** Starts a server on the port given, or on free ones until one is still free when the server binds it. */
async function onPort(
  fixedPort: number | undefined,
  start: (port: number) => Promise<Server>,
): Promise<{ port: number; server: Server }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = fixedPort ?? (await freePort());
    try {
      return { port, server: await start(port) };
    } catch (error) {
      const wasTaken = error instanceof LocalFailure && /address already in use/i.test(error.message);
      if (!wasTaken || fixedPort !== undefined || attempt === START_TRIES) throw error;
    }
  }
}

async function requireFree(name: string, flag: string, port: number | undefined): Promise<void> {
  if (port === undefined || (await isPortFree(port))) return;
  throw new LocalFailure(
    `Port ${port}, meant for ${name}, is taken by another program. Stop that program or choose another port with ${flag}.`,
  );
}

/** The passwords stay with the data, so that a kept folder can be started again. */
async function readOrMakeUsers(file: string): Promise<Users> {
  const kept = await readFile(file, "utf8").catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as Users;
  const users = generateUsers();
  await writeFile(file, `${JSON.stringify(users, undefined, 2)}\n`, { mode: PRIVATE });
  return users;
}

/** Stays with the data: corrections that are still in Kafka have to be read again with it. */
async function makeCorrectionKey(file: string): Promise<void> {
  const key = `local:${randomBytes(32).toString("base64")}\n`;
  await writeFile(file, key, { mode: PRIVATE, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** Removes what the stack wrote and nothing else: the folder may be somebody's own. */
async function removeData(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const ours = names.filter((name) => /^(kafka|clickhouse)|^secrets\.json$|^correction-key$/.test(name));
  for (const name of ours) await rm(join(directory, name), { recursive: true, force: true, maxRetries: 5 });
  await rmdir(directory).catch(() => undefined);
}
