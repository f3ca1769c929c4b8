/** What processes are made of. The folders in these layers are rooms, none of which leads back to itself. */
export const ROOMS: readonly string[] = ["domain", "adapters", "billing"];

/** What each layer may know beside itself. Processes, from the processor on, know no other process. */
export const KNOWS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  adapters: ["domain"],
  billing: ["domain"],
  client: [],
  processor: ROOMS,
  settlement: ROOMS,
  api: ROOMS,
  jobs: ROOMS,
  gateway: ROOMS,
  cli: [...ROOMS, "client"],
  console: [...ROOMS, "client"],
  local: [...ROOMS, "client"],
};

/** Packages that only one place may import; everybody else goes through it. */
export const LIBRARY_HOMES: Readonly<Record<string, readonly RegExp[]>> = {
  kafkajs: [/^services\/adapters\/kafka\//],
  "@clickhouse/client": [/^services\/adapters\/clickhouse\//],
  avsc: [/^services\/adapters\/avro\//],
  pino: [/^services\/adapters\/log\//],
  "prom-client": [/^services\/adapters\/metrics\//],
  commander: [/^services\/adapters\/command\//],
  "node-cron": [/^services\/adapters\/schedule\//],
  fastify: [/^services\/adapters\/http\//, /^services\/(api|gateway)\/(app\.ts|routes\/)/],
  "ffi-rs": [/^services\/local\//],
};

interface Ban {
  readonly call: RegExp;
  readonly instead: string;
  /** Where it applies. */
  readonly within: RegExp;
  /** Its one place. */
  readonly home?: RegExp;
}

const SERVICES = /^services\//;
const DOMAIN = /^services\/domain\//;
/** Where time and money are counted; the fill of a hash table, say, may be a fraction. */
const EXACT = /^services\/domain\/(?!dedupe\/)/;
/** What a route answers in HTTP is, below it, a value with a code. */
const BELOW_ROUTES = /^services\/(domain|billing)\//;
const CLOCK = /^services\/adapters\/clock\//;

export const BANS: readonly Ban[] = [
  { call: /\bDate\.now\(/, instead: "Clock.nowMs()", within: SERVICES, home: CLOCK },
  { call: /\bnew Date\(\s*\)/, instead: "Clock.nowMs()", within: SERVICES, home: CLOCK },
  { call: /\bperformance\.now\(/, instead: "Clock.monotonicMs()", within: SERVICES, home: CLOCK },
  { call: /\bMath\.random\(/, instead: "a random source that is handed in", within: SERVICES, home: CLOCK },
  { call: /\bconsole\./, instead: "the log, or process.stdout for results", within: SERVICES },
  {
    call: /\bprocess\.env\b/,
    instead: "readConfig(), or environment() for a child process",
    within: SERVICES,
    home: /^services\/adapters\/config\//,
  },
  { call: /\bparseFloat\(/, instead: "the decimals of domain/money", within: EXACT },
  { call: /\.toFixed\(/, instead: "the decimals of domain/money", within: EXACT },
  { call: /\.toPrecision\(/, instead: "the decimals of domain/money", within: EXACT },
  { call: /\bMath\.(round|sqrt|pow|exp|log|fround)\(/, instead: "integers and bigint", within: EXACT },
  { call: /(?<![\w.])\d+\.\d/, instead: "integers: no decimal fraction is exact in binary", within: EXACT },
  {
    call: /\bNumber\([^)]*(_ns|_uj|amount|charge|price|rate)\b/,
    instead: "bigint: 2^53 ns is only 104 GPU-days",
    within: EXACT,
  },
  { call: /\b(async|await)\b|\bPromise\b(?!<)/, instead: "a plain function; adapters wait", within: DOMAIN },
  {
    call: /\b(Buffer|process|setTimeout|setImmediate|fetch|crypto)\b(?=[.(])/,
    instead: "a value that an adapter hands in",
    within: DOMAIN,
  },
  {
    call: /\b(fastify|statusCode|\w*Problem|problem(?=\())\b|\bstatus: ?[45]\d\d\b/,
    instead: "a value with an error code; adapters/http knows its status",
    within: BELOW_ROUTES,
  },
];
