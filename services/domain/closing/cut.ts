/**
 * A vector of positions: by partition of the log, the first offset that is NOT covered. A record is covered if its
 * offset is below its partition's position; a partition that is not in the vector covers nothing.
 */
export type Cut = ReadonlyMap<number, bigint>;

export function covers(cut: Cut, partition: number, offset: bigint): boolean {
  return offset < (cut.get(partition) ?? 0n);
}

/** Whether everything below `offsets` has been counted: where the cut does not reach, nothing may close yet. */
export function reaches(cut: Cut, offsets: Cut): boolean {
  return [...offsets].every(([partition, offset]) => (cut.get(partition) ?? 0n) >= offset);
}

/** One text for one cut, such as "0:12,3:5". */
export function cutText(cut: Cut): string {
  const positions = [...cut].toSorted(([left], [right]) => left - right);
  return positions.map(([partition, offset]) => `${partition}:${offset}`).join(",");
}
