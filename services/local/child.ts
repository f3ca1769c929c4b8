import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const LOG_TAIL_LINES = 12;

/** A child process that lives no longer than this process does. */
export interface Child {
  readonly process: ChildProcess;
  /** Resolves when the child has ended, for whatever reason. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** Ends the child by `how`, `kill -9` by default; resolves when the child is gone. */
  end(how?: () => void): Promise<void>;
}

/**
 * Starts one of this folder's scripts as a child. The open channel between the two is what ties their lives: it closes
 * however this process ends. The child has a process group of its own, so that Ctrl-C reaches only the parent, which
 * then stops its parts in order. Its output is appended to `logFile`.
 */
export function startChild(script: string, args: readonly string[], logFile: string): Child {
  const log = openSync(logFile, "a");
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), args, {
    detached: true,
    execArgv: [],
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    const over = () => {
      isOver = true;
      resolve();
    };
    child.once("exit", over);
    child.once("error", over);
  });
  return {
    process: child,
    ended,
    hasEnded: () => isOver,
    async end(how = () => child.kill("SIGKILL")) {
      if (isOver) return;
      how();
      await ended;
    },
  };
}

/** The end of a log, to be shown with the failure it explains. */
export async function logTail(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}
