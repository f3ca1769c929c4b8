// The broker and the engine that all test files of a run share, and databases on it.
import { fileURLToPath } from "node:url";
import { inject, onTestFinished } from "vitest";
import {
  type ClickHouse,
  type ClickHouseOptions,
  openClickHouse,
} from "../../../services/adapters/clickhouse/client.ts";
import { ClickHouseFailure } from "../../../services/adapters/clickhouse/failure.ts";
import { ClickHousePriceBooks } from "../../../services/adapters/clickhouse/price-books.ts";
import { systemClock } from "../../../services/adapters/clock/clock.ts";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { bookOf } from "../../../services/billing/books/books.ts";
import type { PriceBook } from "../../../services/domain/books/price-book.ts";
import type { Role, Users } from "../../../services/local/roles.ts";
import { copyTemplate, type Template } from "./template.ts";

/** What tests know of a stack, the shared one or one of their own. */
export interface StackAddresses {
  /** Where the servers keep their data. */
  readonly directory: string;
  readonly kafkaBrokers: string[];
  readonly clickhouseUrl: string;
  readonly users: Users;
}

declare module "vitest" {
  interface ProvidedContext {
    stack: StackAddresses;
    template: Template;
  }
}

const DATABASES = 256;
const DATABASE_ALREADY_EXISTS = "82";

/** The roles have their rights per database and by name, so the names of test databases are known beforehand. */
export const TEST_DATABASES = Array.from(
  { length: DATABASES },
  (_, i) => `meterhouse_test_${String(i).padStart(3, "0")}`,
);
export const MIGRATIONS = fileURLToPath(new URL("../../../clickhouse/migrations", import.meta.url));

/** The stack that all test files of a run share. Use topics and databases of your own on it, and never stop it. */
export function sharedStack(): StackAddresses {
  return inject("stack");
}

export interface TestDatabase {
  readonly name: string;
  /** How a process would connect in this role. */
  options(role: Role): ClickHouseOptions;
  /** A client in this role; closed by `drop`. */
  open(role: Role): ClickHouse;
  /** Closes the clients and removes the database. */
  drop(): Promise<void>;
}

export interface DatabaseOptions {
  readonly migrated?: boolean;
  /** Published from the start. */
  readonly priceBooks?: readonly PriceBook[];
}

/** A database of the caller's own on the shared stack, migrated unless the options say otherwise. `drop` it in the end. */
export async function freshDatabase({
  migrated = true,
  priceBooks = [],
}: DatabaseOptions = {}): Promise<TestDatabase> {
  const { clickhouseUrl: url, users } = sharedStack();
  const server = openClickHouse({ url, database: "default", ...users.migrate });
  const name = await createFree(server);
  const clients = [server];
  const options = (role: Role): ClickHouseOptions => ({ url, database: name, ...users[role] });
  const open = (role: Role): ClickHouse => {
    const client = openClickHouse(options(role));
    clients.push(client);
    return client;
  };
  if (migrated) await copyTemplate(inject("template"), open("migrate"), name);
  const database = {
    name,
    options,
    open,
    async drop() {
      await server.command(`DROP DATABASE IF EXISTS ${name} SYNC`);
      await Promise.all(clients.map((client) => client.close()));
    },
  };
  for (const book of priceBooks) await publish(database, book);
  return database;
}

/** As the pricing service does. */
export async function publish(database: TestDatabase, book: PriceBook): Promise<void> {
  const books = new ClickHousePriceBooks(database.open("pricing"), database.name, "publisher", systemClock);
  const answer = await books.publish(bookOf(book, "draft", { hash: sha256 }));
  if (answer !== "published") throw new Error(`${book.name}: ${answer}`);
}

/** A migrated database of the calling test's own, gone when the test is over. */
export async function databaseOfTest(options: DatabaseOptions = {}): Promise<TestDatabase> {
  const database = await freshDatabase(options);
  onTestFinished(() => database.drop());
  return database;
}

/** Workers start at different names, so that they seldom try the same one. */
async function createFree(server: ClickHouse): Promise<string> {
  const start = Math.floor(Math.random() * DATABASES);
  for (const name of [...TEST_DATABASES.slice(start), ...TEST_DATABASES.slice(0, start)]) {
    try {
      await server.command(`CREATE DATABASE ${name}`);
      return name;
    } catch (error) {
      if (!(error instanceof ClickHouseFailure) || error.code !== DATABASE_ALREADY_EXISTS) throw error;
    }
  }
  throw new Error(`all ${DATABASES} test databases are in use`);
}
