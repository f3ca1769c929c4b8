/** Packages that only one place may import; everybody else goes through it. */
export const LIBRARY_HOMES: Readonly<Record<string, readonly RegExp[]>> = {
  kafkajs: [/^services\/adapters\/kafka\//],
  "@clickhouse/client": [/^services\/adapters\/clickhouse\//],
  avsc: [/^services\/adapters\/avro\//],
  pino: [/^services\/adapters\/log\//],
  "prom-client": [/^services\/adapters\/metrics\//],
  commander: [/^services\/adapters\/command\//],
  "node-cron": [/^services\/adapters\/schedule\//],
  fastify: [/^services\/adapters\/http\//, /^services\/[a-z]+\/(app\.ts|routes\/)/],
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
const EXACT = /^services\/domain\/(event|block|window|ledger|pricing)\//;
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
];
