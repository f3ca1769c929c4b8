/** What leads where. A target that is no source itself leads nowhere. */
export type Arrows = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Circles, each a chain that ends where it begins. In a knot of sources that all lead to each other every source is on one
 * of them, and each is the shortest through its first source, so that it reads well.
 */
export function circles(arrows: Arrows): string[][] {
  const found: string[][] = [];
  for (const knot of knotsOf(arrows).map((sources) => sources.toSorted())) {
    for (const source of knot) {
      if (knot.length === 1 && !arrows.get(source)?.has(source)) continue;
      if (!found.some((chain) => chain.includes(source))) found.push(shortestCircle(arrows, knot, source));
    }
  }
  return found.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
}

/** Tarjan's strongly connected components. */
function knotsOf(arrows: Arrows): string[][] {
  const knots: string[][] = [];
  /** The first place on the path that a source leads back to. */
  const back = new Map<string, number>();
  const path: string[] = [];
  const backOf = (source: string) => back.get(source) ?? 0;
  const visit = (source: string): void => {
    const own = back.size;
    back.set(source, own);
    path.push(source);
    for (const target of arrows.get(source) ?? []) {
      if (!back.has(target)) visit(target);
      if (path.includes(target)) back.set(source, Math.min(backOf(source), backOf(target)));
    }
    if (backOf(source) === own) knots.push(path.splice(path.indexOf(source)));
  };
  for (const source of arrows.keys()) if (!back.has(source)) visit(source);
  return knots;
}

function shortestCircle(arrows: Arrows, knot: readonly string[], start: string): string[] {
  const queue = [[start]];
  const seen = new Set<string>();
  for (const chain of queue) {
    for (const target of [...(arrows.get(chain.at(-1) ?? "") ?? [])].toSorted()) {
      if (target === start) return [...chain, start];
      if (seen.has(target) || !knot.includes(target)) continue;
      seen.add(target);
      queue.push([...chain, target]);
    }
  }
  throw new Error(`no way back to ${start}`);
}
