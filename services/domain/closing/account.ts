/** P1: every record read ends as exactly one of four. */
export interface EventAccount {
  readonly received: bigint;
  readonly counted: bigint;
  readonly duplicate: bigint;
  readonly conflict: bigint;
  readonly rejected: bigint;
}

/** P6: where the physical time of GPUs went, in nanoseconds. */
export interface GpuTimeAccount {
  readonly physical: bigint;
  readonly sessions: bigint;
  readonly operator: bigint;
  readonly idle: bigint;
  readonly unattributed: bigint;
}

/** Records that are unaccounted for: positive if some vanished, negative if some count twice. 0 is the promise. */
export function eventDifference(account: EventAccount): bigint {
  return account.received - account.counted - account.duplicate - account.conflict - account.rejected;
}

/** Nanoseconds that are unaccounted for. 0 is the promise. */
export function gpuTimeDifference(account: GpuTimeAccount): bigint {
  return account.physical - account.sessions - account.operator - account.idle - account.unattributed;
}
