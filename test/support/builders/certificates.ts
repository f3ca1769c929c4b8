// Authorities and certificates for tests: X.509 v3 on P-256, written by hand, because Node only reads them.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

const OID = {
  ecdsaSha256: "06082a8648ce3d040302",
  commonName: "0603550403",
  basicConstraints: "0603551d13",
  subjectAltName: "0603551d11",
} as const;
const DAY_MS = 86_400_000;

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8 in PEM. */
  readonly key: string;
}

export interface Authority extends Certificate {
  /** For these hosts: names, or addresses such as 127.0.0.1. Valid from a day ago, for two days unless told otherwise. */
  issue(name: string, hosts?: readonly string[], validUntilMs?: number): Certificate;
}

export function authority(name: string): Authority {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = signed({
    name,
    issuer: name,
    publicKey: pair.publicKey,
    signer: pair.privateKey,
    isAuthority: true,
  });
  return {
    certificate: own,
    key: pemOf(pair.privateKey),
    issue(subject, hosts = [], validUntilMs = Date.now() + DAY_MS) {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const parts = { name: subject, issuer: name, publicKey, signer: pair.privateKey, hosts, validUntilMs };
      return { certificate: signed(parts), key: pemOf(privateKey) };
    },
  };
}

interface Parts {
  readonly name: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly isAuthority?: boolean;
  readonly hosts?: readonly string[];
  readonly validUntilMs?: number;
}

function signed({
  name,
  issuer,
  publicKey,
  signer,
  isAuthority = false,
  hosts = [],
  validUntilMs,
}: Parts): string {
  const algorithm = sequence(Buffer.from(OID.ecdsaSha256, "hex"));
  const until = validUntilMs ?? Date.now() + DAY_MS;
  const extensions = [
    extension(OID.basicConstraints, sequence(...(isAuthority ? [Buffer.from("0101ff", "hex")] : []))),
    ...(hosts.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...hosts.map(hostOf)))]),
  ];
  const body = sequence(
    der(0xa0, Buffer.from("020102", "hex")),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    algorithm,
    named(issuer),
    sequence(time(Math.min(Date.now(), until) - DAY_MS), time(until)),
    named(name),
    publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, signer);
  const whole = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  // OpenSSL reads nothing after an empty line
  const lines = whole
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

const pemOf = (key: KeyObject) => String(key.export({ format: "pem", type: "pkcs8" }));
const sequence = (...parts: readonly Uint8Array[]) => der(0x30, Buffer.concat(parts));
const extension = (oid: string, value: Buffer) => sequence(Buffer.from(oid, "hex"), der(0x04, value));
const named = (name: string) =>
  sequence(der(0x31, sequence(Buffer.from(OID.commonName, "hex"), der(0x0c, Buffer.from(name)))));

function hostOf(host: string): Buffer {
  const isAddress = /^[\d.]+$/.test(host);
  return isAddress ? der(0x87, Buffer.from(host.split(".").map(Number))) : der(0x82, Buffer.from(host));
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x17, Buffer.from(text.slice(2)));
}

function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
