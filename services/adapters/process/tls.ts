// Certificates of a connection, and what can be wrong with them before anything is connected.
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Conflict } from "../config/fields.ts";
import type { ConfigKey } from "../config/keys.ts";
import type { Secret } from "../config/secret.ts";

export interface TlsMaterial {
  readonly ca: Secret | undefined;
  readonly certificate: Secret | undefined;
  readonly key: Secret | undefined;
}

/** PEM texts, as Node's TLS takes them. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @param prefix of the three settings' names */
export function tlsConflicts(
  { ca, certificate, key }: TlsMaterial,
  prefix: "METERHOUSE_KAFKA_TLS" | "METERHOUSE_CLICKHOUSE_TLS",
): Conflict[] {
  const [caKey, certificateKey, keyKey] = [`${prefix}_CA`, `${prefix}_CERTIFICATE`, `${prefix}_KEY`] as const;
  const broken = [
    ...unreadable(caKey, ca, "certificates", (pem) => new X509Certificate(pem)),
    ...unreadable(certificateKey, certificate, "a certificate", (pem) => new X509Certificate(pem)),
    ...unreadable(keyKey, key, "a private key without a passphrase", createPrivateKey),
  ];
  if (certificate === undefined && key === undefined) return broken;
  const expected = "a certificate and its key, both or none";
  if (certificate === undefined) return [...broken, { key: certificateKey, problem: "is not set", expected }];
  if (key === undefined) return [...broken, { key: keyKey, problem: "is not set", expected }];
  if (broken.length > 0) return broken;
  const isPair = new X509Certificate(certificate.reveal()).checkPrivateKey(createPrivateKey(key.reveal()));
  const expectedKey = `the private key of the certificate in ${certificateKey}`;
  return isPair ? [] : [{ key: keyKey, problem: "is another certificate's", expected: expectedKey }];
}

function unreadable(
  key: ConfigKey,
  secret: Secret | undefined,
  expected: string,
  read: (pem: string) => unknown,
): Conflict[] {
  if (secret === undefined) return [];
  try {
    read(secret.reveal());
    return [];
  } catch {
    return [{ key, problem: "cannot be read", expected: `${expected} in PEM` }];
  }
}

export function tlsOptions({ ca, certificate, key }: TlsMaterial): TlsOptions {
  return {
    ...(ca === undefined ? {} : { ca: ca.reveal() }),
    ...(certificate === undefined ? {} : { cert: certificate.reveal() }),
    ...(key === undefined ? {} : { key: key.reveal() }),
  };
}
