import { createRequire } from "node:module";

/**
 * The ClickHouse engine, in a process of its own. It dies with its parent: when the channel to the parent closes it
 * kills itself, because the engine's own shutdown path crashes; its data survives that by design.
 */
const die = () => process.kill(process.pid, "SIGKILL");
process.on("disconnect", die);
if (!process.connected) die();

// Waking up every three seconds keeps this session, and with it the port, open.
const KEEP_OPEN = `SELECT sleepEachRow(3) FROM numbers(100000000)
  SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0, max_execution_time = 0 FORMAT Null`;

const [library, configFile, dataFolder] = process.argv.slice(2);
if (library === undefined || configFile === undefined || dataFolder === undefined) {
  throw new Error("usage: clickhouse-child.ts LIBRARY CONFIG_FILE DATA_FOLDER");
}

// ffi-rs is optional, so its types may be absent: only what is used is described.
const ffi = createRequire(import.meta.url)("ffi-rs") as {
  DataType: { External: number; I32: number; StringArray: number };
  open(library: { library: string; path: string }): void;
  load(call: object): Promise<unknown>;
};
const argv = [
  "clickhouse",
  `--config-file=${configFile}`,
  `--path=${dataFolder}`,
  "--log-level=error",
  `--query=SYSTEM START LISTEN HTTP; ${KEEP_OPEN}`,
];
ffi.open({ library: "chdb", path: library });
await ffi.load({
  library: "chdb",
  funcName: "chdb_query_cmdline",
  retType: ffi.DataType.External,
  paramsType: [ffi.DataType.I32, ffi.DataType.StringArray],
  paramsValue: [argv.length, argv],
  runInNewThread: true,
});
// It returns only when it could not open the port or the session ended: both mean there is no server any more.
die();
