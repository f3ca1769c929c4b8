import { type DestinationStream, destination, pino, stdTimeFunctions } from "pino";
import type { Log } from "../../domain/ports/log.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Names that hold secrets wherever they turn up, at the top or one or two levels down. */
const SECRET_NAMES = ["password", "secret", "token", "authorization", "api_key", "apiKey", "passphrase"];
const STDERR = 2;

/**
 * JSON lines on standard error, so that standard output stays free for results. Written at once: a line that was logged
 * before the process ends is there. Secrets are replaced by `[secret]`; errors go under the name `err`.
 */
export function createLog(options: { level: LogLevel; name: string; to?: DestinationStream }): Log {
  return pino(
    {
      name: options.name,
      level: options.level,
      timestamp: stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: "[secret]",
      },
    },
    options.to ?? destination({ fd: STDERR, sync: true }),
  );
}
