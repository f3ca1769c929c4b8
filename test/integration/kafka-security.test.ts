// A broker that demands TLS, a client's certificate and a login, and processes that have the settings for it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { readConfig } from "../../services/adapters/config/config.ts";
import { logBounds } from "../../services/adapters/kafka/admin.ts";
import { connectedKafka } from "../../services/adapters/kafka/client.ts";
import { openProducer } from "../../services/adapters/kafka/producer.ts";
import { readTopic } from "../../services/adapters/kafka/read-topic.ts";
import { createLog } from "../../services/adapters/log/log.ts";
import { kafkaConnection, kafkaFields } from "../../services/adapters/process/kafka-fields.ts";
import { authority } from "../support/builders/certificates.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { meterhouse } from "../support/stack/meterhouse.ts";
import { type Environment, killProcessors, ProcessorProcess } from "../support/stack/processor-process.ts";
import { PASSWORD, type SecureBroker, secureBroker } from "../support/stack/secure-broker.ts";
import { databaseOfTest, sharedStack } from "../support/stack/stack.ts";

const TOPIC = "events";
const GROUP = "readers";
const log = createLog({ level: "silent", name: "test" });

let broker: SecureBroker;
let folder: string;
let ensured: { code: number | null; printed: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "meterhouse-security-"));
  broker = await secureBroker();
  const client = broker.authority.issue("meterhouse");
  await Promise.all([
    writeFile(join(folder, "ca.pem"), broker.authority.certificate),
    writeFile(join(folder, "certificate.pem"), client.certificate),
    writeFile(join(folder, "key.pem"), client.key),
    writeFile(join(folder, "password"), `${PASSWORD}\n`),
  ]);
  const names = ["probe", "processor", "pricing", "settlement", "jobs"];
  const principals = names.flatMap((name) => [`--${name}`, `User:${name}`]);
  ensured = await meterhouse(
    { METERHOUSE_KAFKA_BROKERS: broker.open, METERHOUSE_TOPIC: TOPIC, METERHOUSE_CONSUMER_GROUP: GROUP },
    ...["topic", "ensure", "--partitions", "1", "--replication", "1", "--min-insync", "1", "--acl"],
    ...principals,
  );
});

afterAll(async () => {
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Settings of a process as this user. */
function settings(user: string, changes: Environment = {}): Environment {
  return {
    METERHOUSE_KAFKA_BROKERS: broker.secure,
    METERHOUSE_TOPIC: TOPIC,
    METERHOUSE_KAFKA_SECURITY: "SASL_SSL",
    METERHOUSE_KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
    METERHOUSE_KAFKA_SASL_USER: user,
    METERHOUSE_KAFKA_SASL_PASSWORD_FILE: join(folder, "password"),
    METERHOUSE_KAFKA_TLS_CA_FILE: join(folder, "ca.pem"),
    METERHOUSE_KAFKA_TLS_CERTIFICATE_FILE: join(folder, "certificate.pem"),
    METERHOUSE_KAFKA_TLS_KEY_FILE: join(folder, "key.pem"),
    ...changes,
  };
}

async function connect(env: Environment) {
  const connection = kafkaConnection(readConfig(kafkaFields(), { env }));
  const { signal } = new AbortController();
  return connectedKafka({ ...connection, clientId: "test", log }, { clock: systemClock, signal });
}

const ends = async (env: Environment) => [...(await logBounds(await connect(env), TOPIC)).keys()];
const record = (seed: string) => encodeEvent(makeEvent(Date.now() - 1_000, seed));

/** A token without a signature, which the broker's listener takes. */
function token(user: string): string {
  const nowS = Math.floor(Date.now() / 1_000);
  const parts = [{ alg: "none" }, { sub: user, iat: nowS, exp: nowS + 600 }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

const OAUTH = {
  METERHOUSE_KAFKA_SASL_MECHANISM: "OAUTHBEARER",
  METERHOUSE_KAFKA_SASL_USER: "",
  METERHOUSE_KAFKA_SASL_PASSWORD_FILE: "",
};

describe("a login", () => {
  it.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])("by %s is let in", async (mechanism) => {
    expect(await ends(settings("settlement", { METERHOUSE_KAFKA_SASL_MECHANISM: mechanism }))).toEqual([0]);
  });

  it("by a token in a file is let in, with the token that the file has by then", async () => {
    const file = join(folder, "token");
    await writeFile(file, token("stranger"));
    const kafka = await connect(settings("", { ...OAUTH, METERHOUSE_KAFKA_OAUTH_TOKEN_FILE: file }));
    await expect(logBounds(kafka, TOPIC)).rejects.toThrow("Kafka does not let this process do that");
    await writeFile(file, token("settlement"));
    expect([...(await logBounds(kafka, TOPIC)).keys()]).toEqual([0]);
  });

  it("by a token of an endpoint is let in, and an endpoint that refuses is named", async () => {
    let asked = 0;
    const endpoint = createServer((request, response) => {
      asked += 1;
      const isKnown = request.headers.authorization === `Basic ${Buffer.from("us:hush").toString("base64")}`;
      response.statusCode = isKnown ? 200 : 401;
      response.end(JSON.stringify(isKnown ? { access_token: token("settlement"), expires_in: 600 } : {}));
    });
    await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void endpoint.close());
    const env = settings("", {
      ...OAUTH,
      METERHOUSE_KAFKA_OAUTH_URL: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`,
      METERHOUSE_KAFKA_OAUTH_CLIENT_ID: "us",
      METERHOUSE_KAFKA_OAUTH_CLIENT_SECRET: "hush",
    });
    const kafka = await connect(env);
    const before = asked;
    expect([...(await logBounds(kafka, TOPIC)).keys()]).toEqual([0]);
    await logBounds(kafka, TOPIC);
    expect(asked - before, "a token is kept while it is valid").toBeLessThanOrEqual(1);
    await expect(connect({ ...env, METERHOUSE_KAFKA_OAUTH_CLIENT_SECRET: "wrong" })).rejects.toThrow(
      /issues no token to METERHOUSE_KAFKA_OAUTH_CLIENT_ID=us \(status 401\)/,
    );
  });
});

describe("is refused with a sentence", () => {
  it.each([
    [
      "a wrong password",
      () => ({ METERHOUSE_KAFKA_SASL_PASSWORD_FILE: "", METERHOUSE_KAFKA_SASL_PASSWORD: "wrong" }),
      /refuses the user settlement .*Correct METERHOUSE_KAFKA_SASL_USER/,
    ],
    [
      "a broker of another authority",
      () => ({ METERHOUSE_KAFKA_TLS_CA_FILE: "", METERHOUSE_KAFKA_TLS_CA: authority("Another").certificate }),
      /no known authority .*Correct METERHOUSE_KAFKA_TLS_CA/,
    ],
    [
      "an expired certificate",
      () => ({ METERHOUSE_KAFKA_BROKERS: broker.expired }),
      /not valid now .*expired.*Renew it/,
    ],
    [
      "a certificate of another host",
      () => ({ METERHOUSE_KAFKA_BROKERS: broker.foreign }),
      /of another host .*Name the brokers in METERHOUSE_KAFKA_BROKERS/,
    ],
    [
      "a client without a certificate",
      () => ({ METERHOUSE_KAFKA_TLS_CERTIFICATE_FILE: "", METERHOUSE_KAFKA_TLS_KEY_FILE: "" }),
      /refuses this process's certificate/,
    ],
  ])("%s", async (_what, changes, sentence) => {
    await expect(connect(settings("settlement", changes()))).rejects.toThrow(sentence);
  });
});

it.each([
  ["without TLS at a listener of TLS", "PLAINTEXT", () => broker.secure],
  ["with TLS at a listener without", "SSL", () => broker.open],
])("a client %s is told which setting may be wrong", async (_what, security, address) => {
  const env = { METERHOUSE_KAFKA_BROKERS: address(), METERHOUSE_KAFKA_SECURITY: security };
  const connection = kafkaConnection(readConfig(kafkaFields(), { env }));
  const ended = new AbortController();
  const said: string[] = [];
  const warn = (_fields: unknown, message: string) => {
    said.push(message);
    if (message.includes("METERHOUSE_KAFKA_SECURITY")) ended.abort();
  };
  const options = { ...connection, clientId: "test", log: { ...log, warn } };
  await expect(connectedKafka(options, { clock: systemClock, signal: ended.signal })).rejects.toBeDefined();
  expect(said.at(-1)).toMatch(/Kafka ends each connection.*METERHOUSE_KAFKA_SECURITY/);
});

describe("a processor", () => {
  async function start(env: Environment): Promise<ProcessorProcess> {
    const database = await databaseOfTest();
    const { clickhouseUrl, users } = sharedStack();
    onTestFinished(killProcessors);
    return new ProcessorProcess({
      METERHOUSE_CLICKHOUSE_URL: clickhouseUrl,
      METERHOUSE_CLICKHOUSE_DATABASE: database.name,
      METERHOUSE_CLICKHOUSE_USER: users.processor.user,
      METERHOUSE_CLICKHOUSE_PASSWORD: users.processor.password,
      METERHOUSE_CONSUMER_GROUP: GROUP,
      METERHOUSE_LOG_LEVEL: "trace",
      ...env,
    });
  }

  it("reads by SASL_SSL, and no secret is in its log", async () => {
    const processor = await start(settings("processor"));
    await processor.says("took over");
    expect(await processor.stop()).toBe(0);
    expect(`${processor.stderr}${JSON.stringify(processor.lines)}`).not.toMatch(/correct-horse|PRIVATE KEY/);
  });

  it("with a wrong password ends with a sentence and code 1", async () => {
    const wrong = { METERHOUSE_KAFKA_SASL_PASSWORD_FILE: "", METERHOUSE_KAFKA_SASL_PASSWORD: "a-guess" };
    const processor = await start(settings("processor", wrong));
    expect(await processor.exit()).toBe(1);
    const said = processor.lines.map(({ err }) => (err as { message?: string } | undefined)?.message);
    expect(said.join()).toMatch(/refuses the user processor/);
    expect(JSON.stringify(processor.lines)).not.toContain("a-guess");
  });
});

describe("a right", () => {
  it("is given by topic ensure, to whom it names and to nobody else", async () => {
    expect(ensured.code, ensured.printed).toBe(0);
    expect(ensured.printed).toContain("User:probe may Write topic events");
    const again = await meterhouse(
      { METERHOUSE_KAFKA_BROKERS: broker.open, METERHOUSE_TOPIC: TOPIC, METERHOUSE_CONSUMER_GROUP: GROUP },
      ...["topic", "ensure", "--partitions", "2", "--replication", "1", "--min-insync", "1"],
      ...["--acl", "--probe", "User:probe"],
    );
    expect(again.code).toBe(1);
    expect(again.printed).toContain("partitions is 1, wanted is 2");
    expect(again.printed).toContain("User:pricing (WRITE) has a right on events that no option names");
  });

  it("lets the probe and pricing write, and nobody without it", async () => {
    for (const user of ["probe", "pricing"]) {
      const producer = await openProducer(await connect(settings(user)), TOPIC);
      await producer.send([record(user)]);
      await producer.close();
    }
    for (const user of ["processor", "settlement", "stranger"]) {
      const sent = async () => {
        const producer = await openProducer(await connect(settings(user)), TOPIC);
        await producer.send([record(user)]).finally(() => producer.close());
      };
      await expect(sent(), user).rejects.toThrow(/does not let this process do that/);
    }
  });

  it("lets the probe write and not read", async () => {
    const kafka = await connect(settings("probe"));
    const producer = await openProducer(kafka, TOPIC);
    await producer.send([record("unread")]);
    await producer.close();
    const limits = { fetchBytesMax: 1 << 20, fetchBytesMaxPerPartition: 1 << 20, batchBytesMax: 1 << 20 };
    const options = {
      kafka,
      topic: TOPIC,
      groupId: GROUP,
      clock: systemClock,
      log,
      metadataMsMax: 30_000,
      sessionTimeoutMs: 6_000,
    };
    await expect(readTopic({ ...options, ...limits })).rejects.toThrow(/does not let this process do that/);
  });
});
