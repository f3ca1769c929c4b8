// ClickHouse behind TLS that demands a certificate, with the settings of a process.
import { describe, expect, it, onTestFinished } from "vitest";
import { readConfig } from "../../services/adapters/config/config.ts";
import { storeFields } from "../../services/adapters/process/fields.ts";
import { connectedClickHouse } from "../../services/adapters/process/store.ts";
import { authority } from "../support/builders/certificates.ts";
import { databaseOfTest, sharedStack } from "../support/stack/stack.ts";
import { tlsProxy } from "../support/stack/tls-proxy.ts";

const house = authority("Test authority");
const stranger = authority("Another authority");
const client = house.issue("meterhouse");
const server = house.issue("clickhouse", ["127.0.0.1"]);

async function connect(changes: Readonly<Record<string, string>> = {}, own = server) {
  const database = await databaseOfTest();
  const { clickhouseUrl, users } = sharedStack();
  const env = {
    METERHOUSE_CLICKHOUSE_URL: `https://127.0.0.1:${await tlsProxy(clickhouseUrl, own, house)}`,
    METERHOUSE_CLICKHOUSE_DATABASE: database.name,
    METERHOUSE_CLICKHOUSE_PASSWORD: users.processor.password,
    METERHOUSE_CLICKHOUSE_TLS_CA: house.certificate,
    METERHOUSE_CLICKHOUSE_TLS_CERTIFICATE: client.certificate,
    METERHOUSE_CLICKHOUSE_TLS_KEY: client.key,
    ...changes,
  };
  const clickhouse = await connectedClickHouse(readConfig(storeFields("processor"), { env }));
  onTestFinished(() => clickhouse.close());
  return clickhouse;
}

describe("ClickHouse by HTTPS", () => {
  it("answers who has a certificate, as the user of the password", async () => {
    const clickhouse = await connect();
    expect(await clickhouse.query("SELECT currentUser() AS who")).toEqual([{ who: "processor" }]);
  });

  const none = { METERHOUSE_CLICKHOUSE_TLS_CERTIFICATE: "", METERHOUSE_CLICKHOUSE_TLS_KEY: "" };
  it.each([
    ["no certificate", none, server, /certificate required/i],
    [
      "another authority's server",
      { METERHOUSE_CLICKHOUSE_TLS_CA: stranger.certificate },
      server,
      /self-signed certificate/,
    ],
    [
      "a server whose certificate has expired",
      {},
      house.issue("x", ["127.0.0.1"], Date.now() - 1_000),
      /expired/,
    ],
    ["a server with another host's certificate", {}, house.issue("x", ["db.example"]), /altnames/],
  ] as const)(
    "is refused with a sentence, and not tried again: %s",
    async (_what, changes, own, sentence) => {
      await expect(connect(changes, own)).rejects.toMatchObject({
        kind: "fatal",
        message: expect.stringMatching(sentence),
      });
    },
  );
});
