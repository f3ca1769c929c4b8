// The audit as a command: which key is trusted, how it goes on, and what it says.
import { readFileSync } from "node:fs";
import { ClickHouseProofStore } from "../adapters/clickhouse/proof-store.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import { type CloseSigner, isSignedBy, publicKeyOf } from "../adapters/crypto/close-key.ts";
import { sha256 } from "../adapters/crypto/crypto.ts";
import type { OneShot } from "../adapters/process/one-shot.ts";
import { type AuditReport, auditHours, auditJson } from "../billing/verification/audit-hours.ts";
import { formatHour } from "../domain/time/hour.ts";
import type { AuditCommand } from "./command.ts";

const PROGRESS_MS = 5_000;
/** The rest is in --json. */
const FAULTS_MAX = 20;

/** Answers the exit code. */
export async function audit(
  { clickhouse, clock, retry }: OneShot,
  { request, key, json }: AuditCommand,
  { database, signer }: { readonly database: string; readonly signer: CloseSigner | undefined },
): Promise<number> {
  const trusted = trustedKeys(key, signer);
  if (trusted === null) {
    process.stderr.write(`settlement: --key ${key} is no Ed25519 key in PEM that can be read\n`);
    return EXIT.usage;
  }
  let nextMs = clock.monotonicMs() + PROGRESS_MS;
  const onProgress = (done: number, total: number) => {
    if (clock.monotonicMs() < nextMs) return;
    nextMs = clock.monotonicMs() + PROGRESS_MS;
    process.stderr.write(`audit: ${done} of ${total} hours\n`);
  };
  const auditor = {
    store: new ClickHouseProofStore(clickhouse, database),
    hash: sha256,
    isSigned: isSignedClose,
    trustedKeys: trusted,
    onProgress,
  };
  const report = await retry(() => auditHours(auditor, request));
  const text = json ? JSON.stringify(auditJson(report)) : auditText(report, trusted.length > 0);
  process.stdout.write(`${text}\n`);
  return report.faults.length === 0 ? EXIT.done : EXIT.failed;
}

export function isSignedClose(
  close: { readonly key_id: string; readonly public_key: string; readonly signature: string },
  text: string,
): boolean {
  return isSignedBy(close, text, close.signature);
}

function trustedKeys(file: string | undefined, signer: CloseSigner | undefined): string[] | null {
  if (file === undefined) return signer === undefined ? [] : [signer.key_id];
  try {
    return [publicKeyOf(readFileSync(file, "utf8")).key_id];
  } catch {
    return null;
  }
}

function auditText(report: AuditReport, isKeyNamed: boolean): string {
  const { hours, links, unsigned, dropped, without_log_hash, key_ids, faults } = report;
  const [first] = faults;
  const notes = [
    unsigned > 0
      ? [`${unsigned} of ${links} links are unsigned: whoever holds the database could rewrite them`]
      : [],
    key_ids.length > 0 && !isKeyNamed
      ? [`signed by ${key_ids.join(", ")}, as the database says: name the key with --key to rely on it`]
      : [],
    dropped > 0
      ? [`${dropped} hours were checked without the log, as rows of it were exported and dropped`]
      : [],
    without_log_hash > 0
      ? [`${without_log_hash} hours closed before closes vouched for the rows of the log`]
      : [],
  ].flat();
  const lines = faults
    .slice(0, FAULTS_MAX)
    .map(
      ({ hour, revision, check, detail }) =>
        `  ${formatHour(hour)} revision ${revision}: ${check}: ${detail}`,
    );
  const more = faults.length > FAULTS_MAX ? [`  … and ${faults.length - FAULTS_MAX} more`] : [];
  return [
    first === undefined
      ? `sound: ${links} links, ${hours} hours`
      : `first bad hour ${formatHour(first.hour)}; ${faults.length} faults in ${links} links, ${hours} hours`,
    ...lines,
    ...more,
    ...notes.map((note) => `note: ${note}`),
  ].join("\n");
}
