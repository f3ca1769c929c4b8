import { spawn } from "node:child_process";

export interface CommandResult {
  /** The exit code; undefined when the command was not found or was killed. */
  readonly code: number | undefined;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** Runs a command to its end. A command that is not there is a result, not an error. */
export function runCommand(command: string, args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.once("error", () => resolve({ code: undefined, output: "" }));
    child.once("close", (code) => resolve({ code: code ?? undefined, output }));
  });
}
