import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "../../../../services/adapters/config/config.ts";
import { storeFields } from "../../../../services/adapters/process/fields.ts";
import { kafkaFields } from "../../../../services/adapters/process/kafka-fields.ts";
import { authority } from "../../../support/builders/certificates.ts";

type Env = Readonly<Record<string, string>>;

const house = authority("Test authority");
const client = house.issue("meterhouse");
const other = house.issue("another");

function faultsOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ key, problem }) => `${key} ${problem}`);
  }
}

const kafka = (env: Env) =>
  faultsOf(() =>
    readConfig(kafkaFields(), { env: { METERHOUSE_KAFKA_BROKERS: "kafka:9092", ...named(env) } }),
  );
const named = (env: Env) =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [`METERHOUSE_KAFKA_${name}`, value]));

const SCRAM = { SECURITY: "SASL_SSL", SASL_MECHANISM: "SCRAM-SHA-512" };
const ACCOUNT = { SASL_USER: "us", SASL_PASSWORD: "hush" };
const OAUTH = { SECURITY: "SASL_SSL", SASL_MECHANISM: "OAUTHBEARER" };

describe("settings of Kafka that are each right but not together", () => {
  it.each<[string, Env, string[]]>([
    ["nothing", {}, []],
    ["SSL with the system's authorities", { SECURITY: "SSL" }, []],
    ["a whole login", { ...SCRAM, ...ACCOUNT }, []],
    ["a token from a file", { ...OAUTH, OAUTH_TOKEN_FILE: "/token" }, []],
    ["SASL without a mechanism", { SECURITY: "SASL_SSL" }, ["SASL_MECHANISM is not set"]],
    ["a login without its account", SCRAM, ["SASL_USER is not set", "SASL_PASSWORD is not set"]],
    [
      "an account that nobody would send",
      ACCOUNT,
      ["SASL_USER", "SASL_PASSWORD"].map(
        (key) => `${key} is set, but METERHOUSE_KAFKA_SECURITY=PLAINTEXT does not use it`,
      ),
    ],
    [
      "an authority that nobody would ask",
      { SECURITY: "SASL_PLAINTEXT", SASL_MECHANISM: "PLAIN", ...ACCOUNT, TLS_CA: house.certificate },
      ["TLS_CA is set, but METERHOUSE_KAFKA_SECURITY=SASL_PLAINTEXT does not use it"],
    ],
    [
      "a token from nowhere",
      OAUTH,
      ["OAUTH_URL", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"].map((key) => `${key} is not set`),
    ],
    [
      "two sources of tokens",
      { ...OAUTH, OAUTH_TOKEN_FILE: "/token", OAUTH_URL: "https://issuer" },
      [
        "OAUTH_URL is set, but METERHOUSE_KAFKA_SASL_MECHANISM=OAUTHBEARER with METERHOUSE_KAFKA_OAUTH_TOKEN_FILE does not use it",
      ],
    ],
    ["half a certificate", { SECURITY: "SSL", TLS_CERTIFICATE: client.certificate }, ["TLS_KEY is not set"]],
    [
      "another certificate's key",
      { SECURITY: "SSL", TLS_CERTIFICATE: client.certificate, TLS_KEY: other.key },
      ["TLS_KEY is another certificate's"],
    ],
    [
      "a certificate that is none",
      { SECURITY: "SSL", TLS_CA: "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----" },
      ["TLS_CA cannot be read"],
    ],
  ])("%s", (_what, env, faults) => {
    expect(kafka(env)).toEqual(faults.map((fault) => `METERHOUSE_KAFKA_${fault}`));
  });
});

it("certificates for ClickHouse need an https address", () => {
  const env = {
    METERHOUSE_CLICKHOUSE_PASSWORD: "hush",
    METERHOUSE_CLICKHOUSE_TLS_CA: house.certificate,
  };
  const read = (url: string) =>
    faultsOf(() => readConfig(storeFields("processor"), { env: { ...env, METERHOUSE_CLICKHOUSE_URL: url } }));
  expect(read("https://clickhouse:8443")).toEqual([]);
  expect(read("http://clickhouse:8123")).toEqual([
    "METERHOUSE_CLICKHOUSE_URL is no https:// address, but certificates are set",
  ]);
});
