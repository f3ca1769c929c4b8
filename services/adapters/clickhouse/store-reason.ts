import type { StoreReason } from "../metrics/owners.ts";
import { ClickHouseFailure } from "./failure.ts";

const REASONS: Readonly<Record<string, StoreReason>> = {
  "159": "timeout",
  "209": "timeout",
  "241": "memory",
  "242": "read_only",
  "243": "disk",
  "252": "parts",
};
const SYSTEM_CODE = /^E[A-Z_]+$/;

/** What ClickHouse was short of when it could not take a request, as a label. */
export function storeReason(error: unknown): StoreReason {
  if (!(error instanceof ClickHouseFailure)) return "other";
  // A failure of the network has the name of a system call's error, or none; one of the server has a number.
  return REASONS[error.code] ?? (SYSTEM_CODE.test(error.code) || error.code === "UNKNOWN" ? "away" : "other");
}
