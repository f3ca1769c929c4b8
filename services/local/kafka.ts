import { randomBytes } from "node:crypto";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Child, logTail, startChild } from "./child.ts";
import { runCommand } from "./command.ts";
import { LocalFailure } from "./failure.ts";
import type { KafkaMessage } from "./kafka-child.ts";
import { KAFKA_JARS } from "./paths.ts";
import type { Server, ServerOptions } from "./server.ts";

const ORDERLY_MS_MAX = 10_000;
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** A further door of the broker. `protocol` is Kafka's name, such as SASL_SSL. */
export interface KafkaListener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** A cluster's brokers, of which each is a controller too. */
export interface KafkaCluster {
  readonly id: string;
  /** The number of this broker, from 1 on. */
  readonly node: number;
  /** The controllers' ports, of node 1 first. */
  readonly controllerPorts: readonly number[];
}

export interface KafkaOptions extends Omit<ServerOptions, "users"> {
  /** For the broker's talk with itself (KRaft). */
  readonly controllerPort: number;
  readonly cluster?: KafkaCluster;
  readonly listeners?: readonly KafkaListener[];
  /** Lines of its configuration that are added to, or stand in the place of, the ones here. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Users of SCRAM, both hashes; they are made with the data folder. */
  readonly scramUsers?: readonly { readonly name: string; readonly password: string }[];
  /** Memory of the JVM, MiB. */
  readonly heapMb?: number;
}

/** A name for a cluster, as Kafka writes them. */
export function clusterId(): string {
  return `A${randomBytes(16).toString("base64url").slice(1)}`;
}

/** Starts a broker that is a controller too. Resolves when it takes requests. */
export async function startKafka(options: KafkaOptions): Promise<Server> {
  const logFile = join(options.directory, "kafka.log");
  const propertiesFile = join(options.directory, "kafka.properties");
  const dataFolder = join(options.directory, "kafka");
  await writeFile(propertiesFile, brokerProperties(options, dataFolder));
  await format(options, dataFolder, propertiesFile);

  let broker = await startBroker(options, propertiesFile, logFile);
  return {
    kill: () => broker.kill(),
    async restart() {
      await broker.kill();
      broker = await startBroker(options, propertiesFile, logFile);
    },
    async stop() {
      const { child, kill } = broker;
      AbortSignal.timeout(ORDERLY_MS_MAX).addEventListener("abort", () => void kill());
      await child.end(() => child.process.send("stop"));
    },
  };
}

/**
 * What Kafka's StorageTool would write for a cluster whose voters are in its configuration; a JVM less to start. Users of
 * SCRAM are records of the cluster's metadata, which only the tool itself can write.
 */
async function format(
  { cluster, scramUsers = [] }: KafkaOptions,
  dataFolder: string,
  propertiesFile: string,
): Promise<void> {
  const file = join(dataFolder, "meta.properties");
  const isFormatted = await access(file).then(
    () => true,
    () => false,
  );
  if (isFormatted) return;
  const id = cluster?.id ?? clusterId();
  if (scramUsers.length > 0) return formatWithUsers(id, scramUsers, propertiesFile);
  await mkdir(dataFolder, { recursive: true });
  await writeFile(
    file,
    `version=1\ncluster.id=${id}\nnode.id=${cluster?.node ?? 1}\ndirectory.id=${clusterId()}\n`,
  );
}

async function formatWithUsers(
  id: string,
  users: NonNullable<KafkaOptions["scramUsers"]>,
  propertiesFile: string,
): Promise<void> {
  const added = users.flatMap(({ name, password }) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((hash) => [
      "--add-scram",
      `${hash}=[name=${name},password=${password}]`,
    ]),
  );
  const { code, output } = await runCommand("java", [
    ...JVM_FLAGS,
    "-cp",
    join(KAFKA_JARS, "*"),
    "kafka.tools.StorageTool",
    ...["format", "--cluster-id", id, "--config", propertiesFile, ...added],
  ]);
  if (code !== 0) throw new LocalFailure(`Kafka's data folder was not made:\n${output.trim()}`);
}

function brokerProperties(options: KafkaOptions, dataFolder: string): string {
  const { port, controllerPort, cluster, listeners = [] } = options;
  const node = cluster?.node ?? 1;
  const ports = cluster?.controllerPorts ?? [controllerPort];
  const replicas = String(ports.length);
  const doors = [{ name: "CLIENT", port, protocol: "PLAINTEXT" }, ...listeners];
  const addresses = doors.map((door) => `${door.name}://127.0.0.1:${door.port}`);
  const protocols = doors.map((door) => `${door.name}:${door.protocol}`);
  const properties: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": String(node),
    "controller.quorum.voters": ports.map((it, index) => `${index + 1}@127.0.0.1:${it}`).join(),
    listeners: [...addresses, `CONTROLLER://127.0.0.1:${controllerPort}`].join(),
    "advertised.listeners": addresses.join(),
    "inter.broker.listener.name": "CLIENT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": [...protocols, "CONTROLLER:PLAINTEXT"].join(),
    "log.dirs": dataFolder.replaceAll("\\", "\\\\"),
    "auto.create.topics.enable": "false",
    "num.partitions": "8",
    "log.message.timestamp.type": "LogAppendTime",
    "message.max.bytes": String(MESSAGE_BYTES_MAX),
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": ports.length > 1 ? "2" : "1",
    "transaction.state.log.num.partitions": "2",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    ...options.properties,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

interface Broker {
  readonly child: Child;
  kill(): Promise<void>;
}

async function startBroker(options: KafkaOptions, propertiesFile: string, logFile: string): Promise<Broker> {
  const child = startChild("kafka-child.ts", javaArguments(propertiesFile, options.heapMb), logFile);
  let javaPid: number | undefined;
  const isReady = new Promise<boolean>((resolve) => {
    child.process.on("message", (message: KafkaMessage) => {
      if ("pid" in message) javaPid = message.pid;
      else resolve(true);
    });
    void child.ended.then(() => resolve(false));
    AbortSignal.timeout(options.startMsMax).addEventListener("abort", () => resolve(false));
  });
  // The JVM goes first: the child ends when it sees it gone, and never leaves it behind.
  const kill = () =>
    child.end(() => (javaPid === undefined ? child.process.disconnect() : killProcess(javaPid)));
  void child.ended.then(() => javaPid !== undefined && killProcess(javaPid));
  const isUp = await isReady;
  if (isUp) return { child, kill };
  await kill();
  throw new LocalFailure(`Kafka did not start on port ${options.port}:\n${await logTail(logFile)}`);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

// The quick compiler alone: a broker of minutes never earns back what the thorough one costs. It halves the start.
const JVM_FLAGS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

function javaArguments(propertiesFile: string, heapMb = 512): string[] {
  return [
    "-Xms128m",
    `-Xmx${heapMb}m`,
    ...JVM_FLAGS,
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-cp",
    join(KAFKA_JARS, "*"),
    "kafka.Kafka",
    propertiesFile,
  ];
}
