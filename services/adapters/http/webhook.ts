// Sends webhooks, signed as Standard Webhooks 1.0 says. Whoever made up the URL is not trusted.

import { lookup } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Webhooks } from "../../domain/ports/webhooks.ts";
import type { Secret } from "../config/secret.ts";
import { hmacSha256 } from "../crypto/crypto.ts";
import { addressFault, hostOf, urlFault, type WebhookRules } from "./webhook-address.ts";

export interface WebhookOptions extends WebhookRules {
  /** One or, while it is being replaced, several separated by blanks; undefined: nothing can be sent. */
  readonly secret: Secret | undefined;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** Of an answer that nobody reads. */
const ANSWER_BYTES_MAX = 16 * 1024;
const NOT_SIGNED = "it cannot be signed: METERHOUSE_WEBHOOK_SECRET is not set";
const SECRET_PREFIX = "whsec_";
const SECRET = /^whsec_[A-Za-z0-9+/]+=*$/;
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

export function createWebhookSender(options: WebhookOptions): Webhooks {
  const { secret, clock, timeoutMs = TIMEOUT_MS } = options;
  const keys = keysIn(secret);
  return {
    async send({ id, url, body }, signal) {
      if (keys.length === 0) return { isAccepted: false, detail: NOT_SIGNED };
      const wrong = urlFault(url, options);
      if (wrong !== null) return { isAccepted: false, detail: `the URL ${wrong}` };
      const timestamp = String(Math.floor(clock.nowMs() / 1000));
      const signatures = keys.map((key) => `v1,${hmacSha256(key, `${id}.${timestamp}.${body}`)}`);
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "meterhouse",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures.join(" "),
      };
      const limits = [AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])];
      try {
        const status = await post(new URL(url), headers, body, options, AbortSignal.any(limits));
        return { isAccepted: status >= 200 && status < 300, detail: `status ${status}` };
      } catch (error) {
        signal?.throwIfAborted();
        return { isAccepted: false, detail: reasonOf(error, timeoutMs) };
      }
    },
  };
}

/** The status. Redirects are not followed, and connections are not kept. */
function post(
  url: URL,
  headers: Record<string, string | number>,
  body: string,
  rules: WebhookRules,
  signal: AbortSignal,
): Promise<number> {
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const host = hostOf(url);
  const options = { method: "POST", headers, signal, agent: false, lookup: guarded(url, rules) };
  return new Promise((resolve, reject) => {
    const request = send(url, options, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) answer.destroy();
      });
      answer.on("close", () => resolve(answer.statusCode ?? 0));
      answer.on("error", () => resolve(answer.statusCode ?? 0));
    });
    request.on("error", reject);
    const wrong = isIP(host) === 0 ? null : addressFault(host, url, rules);
    if (wrong === null) request.end(body);
    else request.destroy(new Error(wrong));
  });
}

/**
 * Looks a name up and refuses it where it leads to an address that it must not. The connection goes to the address that was
 * checked, so that a name cannot lead elsewhere between the check and the request.
 */
function guarded(url: URL, rules: WebhookRules): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const wrong =
        error === null
          ? addresses.map(({ address }) => addressFault(address, url, rules)).find((it) => it !== null)
          : undefined;
      const [first] = addresses ?? [];
      if (error !== null || wrong !== undefined || first === undefined) {
        done(error ?? new Error(wrong ?? "the name has no address"), "");
      } else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

/** What is wrong with a secret, or null: each must be `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it. */
export function secretFault(secret: Secret | undefined): string | null {
  const isGood = textsIn(secret).every((text) => {
    const bytes = Buffer.from(text.slice(SECRET_PREFIX.length), "base64").length;
    return SECRET.test(text) && bytes >= SECRET_BYTES_MIN && bytes <= SECRET_BYTES_MAX;
  });
  return isGood ? null : "must be whsec_ and 24 to 64 bytes in base64; several are separated by blanks";
}

function keysIn(secret: Secret | undefined): Uint8Array[] {
  const fault = secretFault(secret);
  if (fault !== null) throw new RangeError(`the secret of webhooks ${fault}`);
  return textsIn(secret).map((text) => Buffer.from(text.slice(SECRET_PREFIX.length), "base64"));
}

function textsIn(secret: Secret | undefined): string[] {
  return (secret?.reveal() ?? "").split(/\s+/).filter((text) => text !== "");
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")) {
    return `no answer within ${timeoutMs} ms`;
  }
  return error instanceof Error ? error.message.slice(0, 200) : String(error);
}
