import { runCommand } from "./command.ts";
import { LocalFailure } from "./failure.ts";
import { PROBE_FOLDER, PYTHON, VIRTUAL_ENV } from "./paths.ts";
import { requirePython } from "./requirements.ts";
import { isMadeFrom, markMadeFrom } from "./stamp.ts";

const PROBE_PROJECT = `${PROBE_FOLDER}/pyproject.toml`;

export function isVirtualEnvThere(): Promise<boolean> {
  return isMadeFrom(VIRTUAL_ENV, PROBE_PROJECT);
}

/** Makes the virtual environment with the probe in it, editable, so that its source is what runs. */
export async function makeVirtualEnv(): Promise<void> {
  await requirePython();
  await run("python3", ["-m", "venv", VIRTUAL_ENV]);
  await run(PYTHON, [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--editable",
    `${PROBE_FOLDER}[kafka,test,api-test]`,
  ]);
  await markMadeFrom(VIRTUAL_ENV, PROBE_PROJECT);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runCommand(command, args);
  if (code !== 0)
    throw new LocalFailure(`The probe's Python packages could not be installed:\n${output.trim()}`);
}
