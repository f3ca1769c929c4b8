import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { openForMigration } from "../../services/adapters/clickhouse/migrate.ts";
import { type Stack, startStack } from "../../services/local/stack.ts";

const MAIN = fileURLToPath(new URL("../../services/local/main.ts", import.meta.url));
const DATABASE = "meterhouse";

/** Command lines of all processes that work in this folder. */
function processesOf(folder: string): { pid: number; command: string }[] {
  return execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(`${folder}/`))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.replace(/^\s*\d+\s+/, "") }));
}

const gone = (folder: string) =>
  expect.poll(() => processesOf(folder), { timeout: 10_000, interval: 50 }).toEqual([]);

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "meterhouse-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** `up` as a person would run it; resolves with its one line. */
async function up(args: string[]): Promise<{ parent: ChildProcess; line: Record<string, string> }> {
  const parent = spawn(process.execPath, [MAIN, "up", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void parent.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: parent.stdout }), "line");
  return { parent, line: JSON.parse(line) };
}

async function fails(args: string[]): Promise<{ code: number; message: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const message = await child.stderr.setEncoding("utf8").toArray();
  const code = child.exitCode ?? (await once(child, "exit"))[0];
  return { code, message: message.join("") };
}

function kafkaOf(brokers: readonly string[]): Kafka {
  return new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 10 } });
}

async function highOffset(stack: Stack, topic: string): Promise<string | undefined> {
  const admin = kafkaOf(stack.kafkaBrokers).admin();
  await admin.connect();
  const [partition] = await admin.fetchTopicOffsets(topic).finally(() => admin.disconnect());
  return partition?.high;
}

describe("a stack", () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.stop());

  const open = (role: keyof Stack["users"]) =>
    openClickHouse({ url: stack.clickhouseUrl, database: DATABASE, ...stack.users[role] });

  it("keeps ClickHouse's data over kill -9 and restart", async () => {
    const options = { url: stack.clickhouseUrl, database: DATABASE, ...stack.users.migrate };
    const client = await openForMigration(options);
    onTestFinished(() => client.close());
    await client.command("CREATE TABLE usage_log (n UInt64) ENGINE = MergeTree ORDER BY n");
    await client.insertRows("usage_log", [{ n: 2n ** 63n }]);
    await stack.killClickHouse();
    await expect(client.ping()).rejects.toMatchObject({ kind: "retriable", code: "ECONNREFUSED" });
    await stack.restartClickHouse();
    expect(await client.query("SELECT n FROM usage_log")).toEqual([{ n: "9223372036854775808" }]);
  });

  it("keeps Kafka's records over kill -9 and restart", async () => {
    const topic = "kept";
    const admin = kafkaOf(stack.kafkaBrokers).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
    const producer = kafkaOf(stack.kafkaBrokers).producer();
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ value: "x".repeat(2_000_000) }, { value: null }] });
    await producer.disconnect();
    await stack.killKafka();
    await stack.restartKafka();
    expect(await highOffset(stack, topic)).toBe("2");
  });

  it("stamps records with the broker's time and does not invent topics", async () => {
    const admin = kafkaOf(stack.kafkaBrokers).admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    await admin.createTopics({ topics: [{ topic: "defaults" }], waitForLeaders: true });
    const { topics } = await admin.fetchTopicMetadata({ topics: ["defaults"] });
    expect(topics[0]?.partitions).toHaveLength(8);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: "defaults", configNames: ["message.timestamp.type"] }],
    });
    expect(resources[0]?.configEntries[0]?.configValue).toBe("LogAppendTime");
    await expect(admin.fetchTopicMetadata({ topics: ["invented"] })).rejects.toThrow();
  });

  it("lets the user without a password do nothing with the data", async () => {
    const anybody = openClickHouse({
      url: stack.clickhouseUrl,
      database: "default",
      user: "default",
      password: "",
    });
    onTestFinished(() => anybody.close());
    expect(await anybody.query("SHOW DATABASES")).toEqual([]);
    for (const sql of [
      "CREATE TABLE default.t (n UInt8) ENGINE = Memory",
      "SELECT * FROM url('http://127.0.0.1')",
    ]) {
      await expect(anybody.command(sql), sql).rejects.toThrow("Not enough privileges");
    }
  });

  it("lets a role end its own queries and nobody else's", async () => {
    const processor = open("processor");
    const migrate = open("migrate");
    onTestFinished(async () => void (await Promise.all([processor.close(), migrate.close()])));
    const own = processor.query("SELECT sleepEachRow(1) FROM numbers(3)", {}, { queryId: "owner:1" });
    const other = migrate.query("SELECT sleepEachRow(1) FROM numbers(3)", {}, { queryId: "owner:2" });
    const ended = expect(own).rejects.toMatchObject({ kind: "retriable", code: "394" });
    const running = () =>
      migrate.query("SELECT query_id FROM system.processes WHERE startsWith(query_id, 'owner:')");
    await expect.poll(running).toHaveLength(2);
    await processor.command("KILL QUERY WHERE query_id LIKE {id:String} SYNC", { params: { id: "owner:%" } });
    await ended;
    expect(await other).toHaveLength(3);
  });

  it("keeps its secrets to its owner", async () => {
    expect((await stat(stack.secretsFile)).mode & 0o077).toBe(0);
  });

  it("does not leave the JVM behind when the process between is killed", async () => {
    const guard = processesOf(stack.directory).find(({ command }) => command.includes("kafka-child.ts"));
    process.kill(guard?.pid ?? 0, "SIGKILL");
    const kafka = () => processesOf(stack.directory).filter(({ command }) => command.includes("kafka.Kafka"));
    await expect.poll(kafka, { timeout: 10_000 }).toEqual([]);
    await stack.restartKafka();
    expect(kafka()).not.toEqual([]);
  });

  it("leaves nothing behind when it stops", async () => {
    await stack.stop();
    await gone(stack.directory);
    await expect(access(stack.directory)).rejects.toThrow("ENOENT");
  });
});

describe("up", () => {
  it("ends its servers when it is killed, and starts again on the data it kept", async () => {
    const directory = await temporaryFolder();
    const first = await up(["--directory", directory]);
    expect(processesOf(directory).length).toBeGreaterThanOrEqual(3);
    first.parent.kill("SIGKILL");
    await gone(directory);
    const second = await up(["--directory", directory]);
    second.parent.kill("SIGINT");
    expect((await once(second.parent, "exit"))[0]).toBe(0);
    expect(processesOf(directory)).toEqual([]);
    expect(second.line["secretsFile"]).toBe(first.line["secretsFile"]);
    expect(await readdir(directory)).toContain("clickhouse");
  });

  it("says which port is taken and what to do", async () => {
    const directory = await temporaryFolder();
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    for (const [flag, name] of [
      ["--kafka-port", "Kafka"],
      ["--clickhouse-port", "ClickHouse"],
    ] as const) {
      expect(await fails(["up", "--directory", directory, flag, String(port)])).toEqual({
        code: 1,
        message: `Port ${port}, meant for ${name}, is taken by another program. Stop that program or choose another port with ${flag}.\n`,
      });
    }
    await gone(directory);
  });

  it.each([
    [["up", "--kafka-port", "0"], '--kafka-port "0" is no whole number from 1 to 65535'],
    [["up", "--nonsense"], "unknown option '--nonsense'"],
    [["down"], "unknown command 'down'"],
  ])("refuses %j with a sentence", async (args, sentence) => {
    const { code, message } = await fails(args);
    expect(code).toBe(2);
    expect(message).toContain(sentence);
  });
});
