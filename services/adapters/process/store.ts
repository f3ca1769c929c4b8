import { type ClickHouse, type ClickHouseOptions, openClickHouse } from "../clickhouse/client.ts";
import { type StoreConfig, storeMaterial } from "./fields.ts";
import { tlsOptions } from "./tls.ts";

export function optionsOf(config: StoreConfig): ClickHouseOptions {
  return {
    url: config.clickhouse_url,
    database: config.clickhouse_database,
    user: config.clickhouse_user,
    password: config.clickhouse_password.reveal(),
    tls: tlsOptions(storeMaterial(config)),
  };
}

/**
 * A client that ClickHouse has answered.
 * @throws ClickHouseFailure where it does not, or not to this user
 */
export async function connectedClickHouse(config: StoreConfig): Promise<ClickHouse> {
  const clickhouse = openClickHouse(optionsOf(config));
  try {
    await clickhouse.ping();
    return clickhouse;
  } catch (error) {
    await clickhouse.close();
    throw error;
  }
}
