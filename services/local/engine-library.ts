import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LocalFailure } from "./failure.ts";

const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "@chdb/lib-linux-x64-gnu",
  "linux-arm64": "@chdb/lib-linux-arm64-gnu",
  "darwin-x64": "@chdb/lib-darwin-x64",
  "darwin-arm64": "@chdb/lib-darwin-arm64",
};

/** The path of the ClickHouse engine's library. Throws LocalFailure that names the npm package to add. */
export function engineLibrary(platform: string = process.platform, arch: string = process.arch): string {
  const name = PACKAGES[`${platform}-${arch}`];
  if (name === undefined) {
    throw new LocalFailure(
      `There is no embedded ClickHouse for ${platform}-${arch}. Start the official images with "docker compose up" instead.`,
    );
  }
  const require = createRequire(import.meta.url);
  try {
    require.resolve("ffi-rs");
    return join(dirname(require.resolve(`${name}/package.json`)), "libchdb.so");
  } catch {
    throw new LocalFailure(
      `The embedded ClickHouse is not installed. Add it with "npm install --no-save ffi-rs@1.3.7 ${name}@26.7.3-stable.1", ` +
        `or start the official images with "docker compose up" instead.`,
    );
  }
}
