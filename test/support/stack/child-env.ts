// The environment of a process that a test starts: a way to Node, and none of the machine's own settings.

/** The cache holds compiled sources: a process starts in half of the processor time (`env` in vitest.config.ts). */
export const CHILD_ENV: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "",
  NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "",
};
