import { randomBytes } from "node:crypto";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Child, logTail, startChild } from "./child.ts";
import { LocalFailure } from "./failure.ts";
import type { KafkaMessage } from "./kafka-child.ts";
import { KAFKA_JARS } from "./paths.ts";
import type { Server, ServerOptions } from "./server.ts";

const ORDERLY_MS_MAX = 10_000;
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

export interface KafkaOptions extends ServerOptions {
  /** For the broker's talk with itself (KRaft). */
  readonly controllerPort: number;
}

/** Starts a broker that is its own controller. Resolves when it takes requests. */
export async function startKafka(options: KafkaOptions): Promise<Server> {
  const logFile = join(options.directory, "kafka.log");
  const propertiesFile = join(options.directory, "kafka.properties");
  const dataFolder = join(options.directory, "kafka");
  await format(dataFolder);
  await writeFile(propertiesFile, brokerProperties(options, dataFolder));

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
 * What Kafka's StorageTool would write for a cluster of one whose voters are in its configuration; a JVM less to start.
 */
async function format(dataFolder: string): Promise<void> {
  const file = join(dataFolder, "meta.properties");
  const isFormatted = await access(file).then(
    () => true,
    () => false,
  );
  if (isFormatted) return;
  await mkdir(dataFolder, { recursive: true });
  const id = () => `A${randomBytes(16).toString("base64url").slice(1)}`;
  await writeFile(file, `version=1\ncluster.id=${id()}\nnode.id=1\ndirectory.id=${id()}\n`);
}

function brokerProperties({ port, controllerPort }: KafkaOptions, dataFolder: string): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=CLIENT://127.0.0.1:${port}
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${dataFolder.replaceAll("\\", "\\\\")}
auto.create.topics.enable=false
num.partitions=8
log.message.timestamp.type=LogAppendTime
message.max.bytes=${MESSAGE_BYTES_MAX}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`;
}

interface Broker {
  readonly child: Child;
  kill(): Promise<void>;
}

async function startBroker(options: KafkaOptions, propertiesFile: string, logFile: string): Promise<Broker> {
  const child = startChild("kafka-child.ts", javaArguments(propertiesFile), logFile);
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

function javaArguments(propertiesFile: string): string[] {
  return [
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    // The quick compiler alone: a broker of minutes never earns back what the thorough one costs. It halves the start.
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-cp",
    join(KAFKA_JARS, "*"),
    "kafka.Kafka",
    propertiesFile,
  ];
}
