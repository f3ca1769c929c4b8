// Tokens for OAUTHBEARER. None is kept longer than it is valid, and none is ever logged.
import { readFile } from "node:fs/promises";
import kafkajs, { type OauthbearerProviderResponse } from "kafkajs";
import { systemClock } from "../clock/clock.ts";
import type { TokenSource } from "./connection.ts";
import { KafkaRefusal } from "./refusal.ts";

const ANSWER_MS_MAX = 10_000;
/** A token is used for so much of its life, so that none expires on its way. */
const LIFE_PERCENT = 80;
/** For an endpoint that does not say how long its tokens are valid. */
const LIFE_S = 60;

/** What gives kafkajs a token for each connection. */
export function createTokens(source: TokenSource): () => Promise<OauthbearerProviderResponse> {
  if ("file" in source) return () => tokenOf(source.file);
  let held: { readonly value: string; readonly untilMs: number } | undefined;
  return async () => {
    if (held === undefined || systemClock.monotonicMs() >= held.untilMs) held = await issued(source);
    return { value: held.value };
  };
}

async function tokenOf(file: string): Promise<OauthbearerProviderResponse> {
  const value = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new KafkaRefusal(
      `METERHOUSE_KAFKA_OAUTH_TOKEN_FILE names ${file}, which cannot be read (${error.code})`,
    );
  });
  return { value: value.trim() };
}

async function issued(source: Extract<TokenSource, { url: string }>) {
  const { url, clientId, clientSecret, scope } = source;
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(":");
  const sentMs = systemClock.monotonicMs();
  const answer = await fetch(url, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      ...(scope === undefined ? {} : { scope }),
    }),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  }).catch((error: unknown) => {
    throw new kafkajs.KafkaJSError(`${url} issues no token (${String(error)})`, { retriable: true });
  });
  const body = (await answer.json().catch(() => ({}))) as { access_token?: unknown; expires_in?: unknown };
  if (answer.status >= 500) {
    throw new kafkajs.KafkaJSError(`${url} issues no token (status ${answer.status})`, { retriable: true });
  }
  if (!answer.ok || typeof body.access_token !== "string") {
    throw new KafkaRefusal(
      `${url} issues no token to METERHOUSE_KAFKA_OAUTH_CLIENT_ID=${clientId} (status ${answer.status})`,
    );
  }
  const lifeS = typeof body.expires_in === "number" ? body.expires_in : LIFE_S;
  return { value: body.access_token, untilMs: sentMs + Math.floor(lifeS * 10 * LIFE_PERCENT) };
}
