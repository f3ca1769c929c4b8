const HOURS_TOGETHER_MAX = 24;
/** What is read at once stays small in memory, here and in ClickHouse; an hour with more is read alone. */
const EVENTS_TOGETHER_MAX = 200_000n;

/** Hours in their order, in groups that are read in one query each. */
export function together<H>(hours: readonly H[], eventsOf: (hour: H) => bigint): H[][] {
  const groups: H[][] = [];
  let events = 0n;
  for (const hour of hours) {
    const last = groups.at(-1);
    events += eventsOf(hour);
    if (last === undefined || last.length === HOURS_TOGETHER_MAX || events > EVENTS_TOGETHER_MAX) {
      groups.push([hour]);
      events = eventsOf(hour);
    } else {
      last.push(hour);
    }
  }
  return groups;
}
