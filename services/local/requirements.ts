import { type CommandResult, runCommand } from "./command.ts";
import { LocalFailure } from "./failure.ts";

const JAVA_MIN = 17;
const PYTHON_MIN = [3, 10] as const;

/** Runs a tool to learn its version; replaced in tests. */
export type Ask = (command: string, args: readonly string[]) => Promise<CommandResult>;

export async function requireJava(ask: Ask = runCommand): Promise<void> {
  const advice = `Install Java ${JAVA_MIN} or newer, for example with "apt-get install openjdk-17-jre-headless", so that "java" is on the PATH.`;
  const { output } = await ask("java", ["-version"]);
  const version = /version "(?:1\.)?(\d+)/.exec(output)?.[1];
  if (version === undefined)
    throw new LocalFailure(`The Kafka broker needs Java, which was not found. ${advice}`);
  if (Number(version) < JAVA_MIN) {
    throw new LocalFailure(`The Kafka broker needs Java ${JAVA_MIN}; this is Java ${version}. ${advice}`);
  }
}

export async function requireMaven(ask: Ask = runCommand): Promise<void> {
  const { output } = await ask("mvn", ["--version"]);
  if (/Apache Maven/.test(output)) return;
  throw new LocalFailure(
    `Maven, which fetches the Kafka broker, was not found. Install it, for example with "apt-get install maven", so that "mvn" is on the PATH.`,
  );
}

export async function requirePython(ask: Ask = runCommand): Promise<void> {
  const [major, minor] = PYTHON_MIN;
  const advice = `Install Python ${major}.${minor} or newer with its venv module, for example with "apt-get install python3 python3-venv".`;
  const { output } = await ask("python3", ["--version"]);
  const found = /Python (\d+)\.(\d+)/.exec(output);
  if (found === null) throw new LocalFailure(`The probe needs Python, which was not found. ${advice}`);
  if (Number(found[1]) !== major || Number(found[2]) < minor) {
    throw new LocalFailure(`The probe needs Python ${major}.${minor}; this is ${found[0]}. ${advice}`);
  }
  const venv = await ask("python3", ["-c", "import venv, ensurepip"]);
  if (venv.code !== 0) throw new LocalFailure(`Python's venv module was not found. ${advice}`);
}
