import {
  type Config,
  ConfigError,
  type Environment,
  type Fields,
  readConfig,
  unknownKeys,
} from "./config.ts";

/** The process as far as its configuration is concerned; replaced in tests. */
export interface ConfigHost {
  readonly env: Environment;
  readonly argv: readonly string[];
  readonly print: (line: string) => void;
  readonly printFault: (line: string) => void;
  readonly exit: (code: number) => never;
}

const FAULTY_CONFIG_EXIT = 2;

/** The environment of this process. Everything else is handed what it needs from here. */
export function environment(): Environment {
  return process.env;
}

/**
 * The configuration of a process at its start. A faulty one ends it with code 2 and a list of every fault. With
 * `--check-config` it ends with code 0 after saying `ok`. Unknown METERHOUSE_ names are warned about.
 */
export function configOrExit<const F extends Fields>(
  processName: string,
  fields: F,
  host: ConfigHost = thisProcess(),
): Config<F> {
  for (const key of unknownKeys(host)) {
    host.printFault(`${processName}: warning: nothing reads ${key}; is it mistyped?`);
  }
  let config: Config<F>;
  try {
    config = readConfig(fields, host);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    host.printFault(`${processName}: ${error.message}`);
    return host.exit(FAULTY_CONFIG_EXIT);
  }
  if (host.argv.includes("--check-config")) {
    host.print(`${processName}: configuration ok`);
    return host.exit(0);
  }
  return config;
}

function thisProcess(): ConfigHost {
  return {
    env: environment(),
    argv: process.argv.slice(2),
    print: (line) => process.stdout.write(`${line}\n`),
    printFault: (line) => process.stderr.write(`${line}\n`),
    exit: (code) => process.exit(code),
  };
}
