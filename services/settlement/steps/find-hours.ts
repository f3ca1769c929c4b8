import { type Cut, reaches } from "../../domain/closing/cut.ts";
import type { DirtyHour, OpenHour } from "../../domain/ports/settlement-store.ts";
import { type Hour, hourEndMs } from "../../domain/time/hour.ts";
import type { PassRequest, Settlement } from "../pass.ts";

export interface DueHours {
  /** Over, grace included, and with all their records in the cut; oldest first. */
  readonly closable: readonly OpenHour[];
  /** Over by the clock, but not all of their records are counted yet. */
  readonly waiting: readonly Hour[];
}

/**
 * Sorts out which hours without a revision may close. Hours without usage are not among them and get no row: should
 * usage arrive for one later, it closes then, as the chain is in the order of closes and not of hours.
 */
export async function findDueHours(deps: Settlement, cut: Cut, through: Hour): Promise<DueHours> {
  const { store, logTimes, clock, graceMs } = deps;
  const now = clock.nowMs();
  const open = await store.openHours(cut);
  const due = open.filter(({ hour }) => hour <= through && hourEndMs(hour) + graceMs <= now);
  const isIn = async (hour: Hour) => {
    const offsets = await logTimes.offsetsAt(hourEndMs(hour) + graceMs);
    return reaches(cut, new Map([...offsets].map(([partition, offset]) => [partition, BigInt(offset)])));
  };
  const count = await countClosable(
    due.map(({ hour }) => hour),
    isIn,
  );
  return { closable: due.slice(0, count), waiting: due.slice(count).map(({ hour }) => hour) };
}

/** Closed hours that later records change, in the order of hours. */
export interface DirtyHours {
  readonly voided: readonly DirtyHour[];
  /** By late events alone. */
  readonly late: readonly DirtyHour[];
}

export async function findDirtyHours(
  { store }: Pick<Settlement, "store">,
  cut: Cut,
  { through = Number.MAX_SAFE_INTEGER, reviseHour }: PassRequest,
): Promise<DirtyHours> {
  const dirty = (await store.dirtyHours(cut)).filter(({ hour }) => hour <= through || hour === reviseHour);
  return {
    voided: dirty.filter(({ late_voids }) => late_voids > 0n),
    late: dirty.filter(({ late_voids }) => late_voids === 0n),
  };
}

/**
 * How many of the sorted hours are in. Positions only grow with time, so an hour that is in implies all before it; the
 * newest is checked first, as it is the only one once the backlog is gone.
 */
async function countClosable(
  hours: readonly Hour[],
  isIn: (hour: Hour) => Promise<boolean>,
): Promise<number> {
  let known = 0;
  let unknown = hours.length;
  let probe = unknown - 1;
  while (known < unknown) {
    if (await isIn(hours[probe] as Hour)) known = probe + 1;
    else unknown = probe;
    probe = (known + unknown) >> 1;
  }
  return known;
}
