// How to make each reject of an event whose session the gateway does not vouch for.
import { generateKeyPairSync } from "node:crypto";
import { GATEWAY_KEY_ID, tokenOf } from "../../../support/builders/trust.ts";
import { NOW_MS, type Sent } from "../../../support/flows/intake.ts";

const stranger = generateKeyPairSync("ed25519").privateKey;
const ENDED_S = Math.floor(NOW_MS / 1_000) - 1;
const claimed = (token: string, from: string, to: string): string => {
  const [version, key_id, claims, signature] = token.split(".");
  const changed = Buffer.from(claims ?? "", "base64url")
    .toString()
    .replace(from, to);
  return [version, key_id, Buffer.from(changed).toString("base64url"), signature].join(".");
};

/** `event` makes the event "bad" of the tests' tenant, project and model, which ends at NOW_MS - 1 s. */
export const badTokens = (event: (changes: Readonly<Record<string, unknown>>) => Sent) => {
  const withToken = (session_token: string): Sent => event({ session_token });
  return {
    EVENT_TOKEN_MISSING: { "none, where one is required": event({}) },
    EVENT_TOKEN_INVALID: {
      "another text": withToken("mhs1"),
      "claims that are no JSON": withToken(`mhs1.${GATEWAY_KEY_ID}.AAAA.${"A".repeat(86)}`),
      "claims that lack one": withToken(claimed(tokenOf(), '"expires_at_s":4000000000', '"x":1')),
      "another tenant under the same signature": withToken(claimed(tokenOf(), "tenant-01", "tenant-02")),
      "a stranger's signature": withToken(tokenOf({}, GATEWAY_KEY_ID, stranger)),
      "an empty text": withToken(""),
      "a text that is too long": withToken(tokenOf({ session_prefix: "s".repeat(2048) })),
    },
    EVENT_TOKEN_KEY_UNKNOWN: { "a key that is not in force": withToken(tokenOf({}, "gateway-2")) },
    EVENT_TOKEN_EXPIRED: {
      "good until a second before the event's end": withToken(tokenOf({ expires_at_s: ENDED_S - 1 })),
      "good from its end on": withToken(tokenOf({ not_before_s: ENDED_S + 1 })),
    },
    EVENT_TOKEN_MISMATCH: {
      "another tenant": withToken(tokenOf({ tenant_id: "tenant-02" })),
      "a tenant that this one begins with": withToken(tokenOf({ tenant_id: "tenant" })),
      "another project": withToken(tokenOf({ project_id: "project-2" })),
      "another model": withToken(tokenOf({ model: "synthetic-70b" })),
      "another session": withToken(tokenOf({ session_prefix: "session-good" })),
      "a longer session": withToken(tokenOf({ session_prefix: "session-bad-1" })),
    },
  };
};
