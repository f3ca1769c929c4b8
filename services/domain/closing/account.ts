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

/** P6 of busy time: what the card's counter says, in nanoseconds, and for whom it worked. */
export interface BusyTimeAccount {
  readonly busy: bigint;
  readonly sessions: bigint;
  readonly operator: bigint;
  /** What no session and no operator explains. */
  readonly unmetered: bigint;
}

/** One GPU in one hour. */
export interface GpuHourAccount {
  readonly gpu_uuid: string;
  readonly gpu_model: string;
  /** Time for which probes watched it, nanoseconds. */
  readonly physical_ns: bigint;
  readonly busy_ns: bigint;
  readonly unmetered_ns: bigint;
  /** As pid:name, sorted; none where the probe may not see them. */
  readonly unmetered_processes: readonly string[];
}

/** Records that are unaccounted for: positive if some vanished, negative if some count twice. 0 is the promise. */
export function eventDifference(account: EventAccount): bigint {
  return account.received - account.counted - account.duplicate - account.conflict - account.rejected;
}

/** Nanoseconds that are unaccounted for. 0 is the promise. */
export function gpuTimeDifference(account: GpuTimeAccount): bigint {
  return account.physical - account.sessions - account.operator - account.idle - account.unattributed;
}

/** Busy nanoseconds that are unaccounted for. 0 is the promise. */
export function busyTimeDifference(account: BusyTimeAccount): bigint {
  return account.busy - account.sessions - account.operator - account.unmetered;
}

/** GPUs that worked for nobody in more than `percentMax` of the time for which they were watched. */
export function unmeteredGpus(gpus: readonly GpuHourAccount[], percentMax: number): GpuHourAccount[] {
  return gpus.filter(
    ({ unmetered_ns, physical_ns }) => unmetered_ns * 100n > physical_ns * BigInt(percentMax),
  );
}
