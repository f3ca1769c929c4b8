// A broker of a test's own that lets nobody in without TLS, a client certificate and a login, and gives rights by ACLs.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "../../../services/local/kafka.ts";
import { freePort } from "../../../services/local/ports.ts";
import { type Authority, authority, type Certificate } from "../builders/certificates.ts";

const START_MS_MAX = 90_000;
const SASL = "org.apache.kafka.common.security";
/** Each is a listener with a certificate of its own. */
const DOORS = ["SECURE", "EXPIRED", "FOREIGN"] as const;

export const PASSWORD = "correct-horse";
const USERS = ["probe", "processor", "pricing", "settlement", "jobs", "stranger"] as const;

export interface SecureBroker {
  /** Without any security, for the test itself; whoever comes here is anonymous and may do everything. */
  readonly open: string;
  readonly secure: string;
  /** Its certificate has run out. */
  readonly expired: string;
  /** Its certificate is another host's. */
  readonly foreign: string;
  readonly authority: Authority;
  stop(): Promise<void>;
}

export async function secureBroker(): Promise<SecureBroker> {
  const directory = await mkdtemp(join(tmpdir(), "meterhouse-secure-"));
  const ports = [...new Set(await Promise.all(Array.from({ length: 12 }, freePort)))];
  const [port, controllerPort, ...doorPorts] = ports as [number, number, ...number[]];
  const house = authority("Test authority");
  const certificates: Record<(typeof DOORS)[number], Certificate> = {
    SECURE: house.issue("broker", ["127.0.0.1"]),
    EXPIRED: house.issue("broker", ["127.0.0.1"], Date.now() - 1_000),
    FOREIGN: house.issue("broker", ["kafka.example"]),
  };
  const trusted = join(directory, "ca.pem");
  await writeFile(trusted, house.certificate);
  const properties: Record<string, string> = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
  };
  for (const door of DOORS) {
    const { certificate, key } = certificates[door];
    const file = join(directory, `${door}.pem`);
    await writeFile(file, `${key}${certificate}`);
    Object.assign(properties, doorProperties(`listener.name.${door.toLowerCase()}.`, file, trusted));
  }
  const server = await startKafka({
    directory,
    port,
    controllerPort,
    listeners: DOORS.map((name, at) => ({ name, port: doorPorts[at] as number, protocol: "SASL_SSL" })),
    properties,
    scramUsers: USERS.map((name) => ({ name, password: PASSWORD })),
    heapMb: 256,
    startMsMax: START_MS_MAX,
  });
  const [secure, expired, foreign] = doorPorts.map((it) => `127.0.0.1:${it}`) as [string, string, string];
  return {
    ...{ open: `127.0.0.1:${port}`, secure, expired, foreign, authority: house },
    async stop() {
      await server.kill();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function doorProperties(prefix: string, keystore: string, truststore: string): Record<string, string> {
  const users = USERS.map((name) => `user_${name}="${PASSWORD}"`).join(" ");
  const plain = `${SASL}.plain.PlainLoginModule required ${users};`;
  const scram = `${SASL}.scram.ScramLoginModule required;`;
  const oauth = `${SASL}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`;
  return {
    [`${prefix}ssl.keystore.type`]: "PEM",
    [`${prefix}ssl.keystore.location`]: keystore,
    [`${prefix}ssl.truststore.type`]: "PEM",
    [`${prefix}ssl.truststore.location`]: truststore,
    [`${prefix}ssl.client.auth`]: "required",
    [`${prefix}sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`${prefix}plain.sasl.jaas.config`]: plain,
    [`${prefix}scram-sha-256.sasl.jaas.config`]: scram,
    [`${prefix}scram-sha-512.sasl.jaas.config`]: scram,
    [`${prefix}oauthbearer.sasl.jaas.config`]: oauth,
  };
}
