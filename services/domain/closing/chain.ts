import { CHAIN_START, chainText, type HourClose, linkText } from "./revision.ts";
import { isKnownVersion } from "./usage.ts";

/** A close as the table has it, with what follows from it. */
export type StoredClose = HourClose & { readonly balanced: boolean };

export type ProofCheck =
  | "sequence"
  | "link"
  | "signature"
  | "close"
  | "balance"
  | "tiling"
  | "conservation"
  | "double_entry"
  | "rows"
  | "events"
  | "log"
  | "records"
  | "rating"
  | "charges";

/** What is wrong with a closed hour. */
export interface ProofFault {
  readonly hour: number;
  readonly revision: number;
  readonly check: ProofCheck;
  readonly detail: string;
}

export interface ChainRules {
  /** SHA-256 in hexadecimal. */
  readonly hash: (text: string) => string;
  readonly isSigned: (close: HourClose, text: string) => boolean;
  /** Ids of the keys that closes may be signed with; any key where it is empty. */
  readonly trustedKeys: readonly string[];
}

export const faultOf = (
  { hour, revision }: Pick<HourClose, "hour" | "revision">,
  check: ProofCheck,
  detail: string,
): ProofFault => ({ hour, revision, check, detail });

/** Walks all links in the order of their sequence. What was taken from the end shows only elsewhere. */
export function chainFaults(closes: readonly StoredClose[], rules: ChainRules): ProofFault[] {
  const revisions = new Map<number, number>();
  // Once closes are signed, one without a signature is not settlement's. Whoever names a key expects the newest to be signed: so
  // nobody takes all signatures away.
  let mustSign = false;
  const last = closes.at(-1);
  return closes.flatMap((close, index) => {
    const before = closes[index - 1];
    const faults: ProofFault[] = [];
    const fault = (check: ProofCheck, detail: string) => faults.push(faultOf(close, check, detail));
    const sequence = (before?.sequence ?? 0n) + 1n;
    if (close.sequence !== sequence) {
      fault("sequence", `is number ${close.sequence} of the chain where ${sequence} has to be`);
    }
    if (close.previous_hash !== (before?.chain_hash ?? CHAIN_START)) {
      fault("link", "is not linked to the close before it");
    }
    if (!isKnownVersion(close.text_version)) {
      fault("close", `text_version ${close.text_version} is not known`);
    } else if (rules.hash(chainText(close)) !== close.chain_hash) {
      fault("close", "its own figures do not have its chain_hash");
    }
    if (close.balanced !== (close.failed_checks.length === 0)) {
      fault("close", `balanced is ${close.balanced}, failed_checks are [${close.failed_checks}]`);
    }
    const revision = (revisions.get(close.hour) ?? 0) + 1;
    if (close.revision !== revision)
      fault("sequence", `is revision ${close.revision} instead of ${revision}`);
    revisions.set(close.hour, close.revision);
    if (close.signature !== "" || (close === last && rules.trustedKeys.length > 0)) mustSign = true;
    const problem = signatureFault(close, rules, mustSign);
    if (problem !== null) fault("signature", problem);
    return faults;
  });
}

function signatureFault(
  close: StoredClose,
  { isSigned, trustedKeys }: ChainRules,
  mustSign: boolean,
): string | null {
  if (close.signature === "") {
    const isPlain = close.key_id === "" && close.public_key === "";
    return mustSign || !isPlain ? "has no signature" : null;
  }
  if (!isSigned(close, linkText(close))) return `the signature of key ${close.key_id} is not of this link`;
  const isTrusted = trustedKeys.length === 0 || trustedKeys.includes(close.key_id);
  return isTrusted ? null : `key ${close.key_id} is none of those that were named`;
}
