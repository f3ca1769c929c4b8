import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** A public key as closes keep it: SPKI in base64, and its id. */
export interface PublicKey {
  readonly key_id: string;
  readonly public_key: string;
}

export interface CloseSigner extends PublicKey {
  /** Ed25519 over the text's UTF-8 bytes, in base64. */
  sign(text: string): string;
}

const ID_DIGITS = 16;

/**
 * The key that closes are signed with.
 * @param pem PKCS8 in PEM
 * @throws Error where it is no Ed25519 private key
 */
export function closeSigner(pem: string): CloseSigner {
  const key = ed25519(createPrivateKey(pem));
  return {
    ...described(createPublicKey(key)),
    sign: (text) => sign(null, Buffer.from(text, "utf8"), key).toString("base64"),
  };
}

/**
 * A public key in PEM, or that of a private one.
 * @throws Error where it is no Ed25519 key
 */
export function publicKeyOf(pem: string): PublicKey {
  return described(ed25519(createPublicKey(pem)));
}

/** Whether the key signed the text and has this id; false too where the key cannot be read. */
export function isSignedBy({ key_id, public_key }: PublicKey, text: string, signature: string): boolean {
  try {
    // base64 reads over what follows its end
    const isExact = [public_key, signature].every(
      (it) => Buffer.from(it, "base64").toString("base64") === it,
    );
    if (!isExact) return false;
    const key = createPublicKey({ key: Buffer.from(public_key, "base64"), format: "der", type: "spki" });
    const isOwn = described(ed25519(key)).key_id === key_id;
    return isOwn && verify(null, Buffer.from(text, "utf8"), key, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function ed25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "ed25519") throw new Error("is no Ed25519 key");
  return key;
}

function described(key: KeyObject): PublicKey {
  const spki = key.export({ format: "der", type: "spki" });
  const key_id = createHash("sha256").update(spki).digest("hex").slice(0, ID_DIGITS);
  return { key_id, public_key: spki.toString("base64") };
}
