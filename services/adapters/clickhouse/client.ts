import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { Readable } from "node:stream";
import { ClickHouseLogLevel, type ClickHouseSettings, createClient } from "@clickhouse/client";
import { compactRows, type EndMark, requireSummary } from "./answers.ts";
import { failureOf } from "./failure.ts";
import { withIncludes } from "./includes.ts";

export interface ClickHouseOptions {
  readonly url: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** PEM texts for an https address: authorities instead of the system's own, and a certificate with its key. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** How long a request may stay silent before it is given up as retriable. */
  readonly requestMsMax?: number;
}

/** Values for `{name:Type}` in a statement; integers may be bigints, in arrays too. The server takes 128 KiB a value. */
export type Params = Readonly<Record<string, unknown>>;

export interface StatementOptions {
  readonly params?: Params;
  readonly queryId?: string;
  readonly settings?: ClickHouseSettings;
  /** Gives the request up. The server may still carry it out. */
  readonly signal?: AbortSignal;
}

/** Bytes in the statement's own FORMAT: whole, in pieces that are sent one after the other, or as a stream. */
export type Body = Uint8Array | readonly Uint8Array[] | Readable;

/** What the house asks of ClickHouse. Every method throws ClickHouseFailure and nothing else. */
export interface ClickHouse {
  /** All rows of a SELECT without a FORMAT. Integers of 64 bits and more and decimals arrive as strings. */
  query<Row>(sql: string, params?: Params, options?: Omit<StatementOptions, "params">): Promise<Row[]>;
  /** The same rows as they come, as lists in the order of the columns. It holds a connection until it is read or left. */
  rows(sql: string, params?: Params): AsyncIterable<readonly unknown[]>;
  /**
   * The raw answer of a SELECT without a FORMAT, in pieces, in the format of `mark`. What came is believable only once the
   * last piece has come without an error.
   */
  stream(sql: string, mark: EndMark, options?: StatementOptions): AsyncIterable<Uint8Array>;
  /** The raw answer of a SELECT that names its own FORMAT: the caller proves that it is whole. */
  unproven(sql: string, options?: StatementOptions): AsyncIterable<Uint8Array>;
  /** A statement without rows. Resolves when the server has carried it out. */
  command(sql: string, options?: StatementOptions): Promise<void>;
  /** Appends a few rows; bigints are allowed. For many rows send a Native block by `execInsert`. */
  insertRows<Row extends object>(
    table: string,
    rows: readonly Row[],
    settings?: ClickHouseSettings,
  ): Promise<void>;
  /** An `INSERT … FORMAT …` with its data. Resolves when the server has committed it. */
  execInsert(sql: string, body: Body, options?: StatementOptions): Promise<void>;
  /** Resolves when the server answers this user and has the database. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const REQUEST_MS_MAX = 60_000;
/** Below the server's keep-alive (10 s by default), so that no request is sent on a socket it is just closing. */
const IDLE_SOCKET_MS = 2_500;
const SOCKETS_MAX = 10;
/** What an answer may take of the server's memory before it goes to its disk, which may be full. */
const ANSWER_BYTES_IN_MEMORY = 1 << 20;
/** The answer's status is then the statement's true end, not that of its start. Neither is a setting, so readers may ask for it. */
const WAIT_FOR_END = {
  wait_end_of_query: 1,
  buffer_size: ANSWER_BYTES_IN_MEMORY,
} as unknown as ClickHouseSettings;

export function openClickHouse(options: ClickHouseOptions): ClickHouse {
  const client = createClient({
    ...tlsAgent(options),
    url: options.url,
    database: options.database,
    username: options.user,
    password: options.password,
    application: "meterhouse",
    request_timeout: options.requestMsMax ?? REQUEST_MS_MAX,
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_MS, eagerly_destroy_stale_sockets: true },
    compression: { request: false, response: false },
    use_multipart_params_auto: true,
    log: { level: ClickHouseLogLevel.OFF },
    json: { parse: JSON.parse, stringify: stringifyWithBigints },
    clickhouse_settings: {
      async_insert: 0,
      output_format_json_quote_64bit_integers: 1,
      output_format_json_quote_decimals: 1,
    },
  });
  const raw = rawAnswers(client);
  return {
    query: <Row>(sql: string, params: Params = {}, rest = {}) =>
      mapped(async () => {
        const answer: Row[] = [];
        for await (const { names, rows } of compactRows(raw(compact(sql), request({ ...rest, params })))) {
          for (const row of rows) answer.push(named<Row>(names, row));
        }
        return answer;
      }),
    async *rows(sql, params = {}) {
      for await (const { rows } of compactRows(raw(compact(sql), request({ params }, {})))) yield* rows;
    },
    async *stream(sql, mark, rest = {}) {
      const settings = { ...rest.settings, ...mark.settings } as ClickHouseSettings;
      const asked = request({ ...rest, settings }, {});
      for await (const piece of raw(`${sql}\nFORMAT ${mark.format}`, asked)) {
        const own = mark.take(piece);
        if (own.length > 0) yield own;
      }
      mark.end();
    },
    unproven: (sql, rest = {}) => raw(sql, request(rest, {})),
    command: (sql, rest = {}) =>
      mapped(async () => {
        requireSummary((await client.command({ query: sql, ...request(rest) })).summary);
      }),
    insertRows: (table, rows, settings = {}) =>
      mapped(async () => {
        const insert = { table, values: [...rows], format: "JSONEachRow" as const };
        const { executed, summary } = await client.insert({ ...insert, ...request({ settings }) });
        if (executed) requireSummary(summary);
      }),
    execInsert: (sql, body, rest = {}) =>
      mapped(async () => {
        const answer = await client.exec({ query: sql, values: readable(body), ...request(rest) });
        await answer.stream.resume().toArray();
        requireSummary(answer.summary);
      }),
    ping: () =>
      mapped(async () => {
        // The client's own ping leaves out the database, so a missing one would go unseen.
        const answer = compactRows(raw(compact("SELECT 1"), request({})));
        while (!(await answer.next()).done);
      }),
    close: () => client.close(),
  };
}

/** Any answer, as the server sends it. */
function rawAnswers(client: ReturnType<typeof createClient>) {
  return async function* (query: string, asked: ReturnType<typeof request>): AsyncGenerator<Uint8Array> {
    try {
      const { stream } = await client.exec({ query, ...asked });
      yield* stream as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw failureOf(error);
    }
  };
}

/** With a certificate the client's own `tls` leaves the password out, as if the certificate were the user. */
function tlsAgent({ url, tls }: ClickHouseOptions) {
  return url.startsWith("https:") && tls !== undefined
    ? { http_agent: new Agent({ ...tls, keepAlive: true, maxSockets: SOCKETS_MAX }) }
    : {};
}

const QUERIES = new URL("../../../clickhouse/queries/", import.meta.url);

/** The text of `clickhouse/queries/<name>.sql`, with what it includes. */
export function loadQuery(name: string): string {
  return withIncludes(readFileSync(new URL(`${name}.sql`, QUERIES), "utf8"));
}

function compact(sql: string): string {
  return `${sql}\nFORMAT JSONCompact`;
}

function named<Row>(names: readonly string[], values: readonly unknown[]): Row {
  return Object.fromEntries(names.map((name, at) => [name, values[at]])) as Row;
}

function request(options: StatementOptions, always: ClickHouseSettings = WAIT_FOR_END) {
  return {
    clickhouse_settings: { ...always, ...options.settings },
    ...(options.params === undefined ? {} : { query_params: { ...options.params } }),
    ...(options.queryId === undefined ? {} : { query_id: options.queryId }),
    ...(options.signal === undefined ? {} : { abort_signal: options.signal }),
  };
}

async function mapped<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failureOf(error);
  }
}

function readable(body: Body): Readable {
  if (body instanceof Readable) return body;
  return Readable.from(body instanceof Uint8Array ? [body] : body);
}

function stringifyWithBigints(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "bigint" ? inner.toString() : inner,
  );
}
