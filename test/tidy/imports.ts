import { posix } from "node:path";
import { type Arrows, circles } from "./circles.ts";
import { KNOWS, LIBRARY_HOMES, ROOMS } from "./rules.ts";
import { importsOf, type SourceFile, services, typescript } from "./source.ts";

/** Each layer imports itself and what it may know. */
export function importDirection(files: readonly SourceFile[]): string[] {
  return services(files).flatMap(({ path, text }) => {
    const own = layer(path);
    const known = KNOWS[own];
    if (known === undefined)
      return [`${path} is in no layer: say in test/tidy/rules.ts what ${own} may know`];
    return importsOf(text).flatMap((target) => {
      if (!target.startsWith(".")) {
        return own === "domain" ? [`${path} imports ${target}: domain imports nothing beyond itself`] : [];
      }
      const other = layer(resolve(path, target));
      const isAllowed = other === own || known.includes(other);
      return isAllowed ? [] : [`${path} imports ${target}: ${own} must not know ${other}`];
    });
  });
}

/** Each wrapped package is imported by its adapter alone. */
export function librariesAtHome(files: readonly SourceFile[]): string[] {
  return services(files).flatMap(({ path, text }) =>
    importsOf(text).flatMap((target) => {
      const name = Object.keys(LIBRARY_HOMES).find(
        (known) => target === known || target.startsWith(`${known}/`),
      );
      const isAtHome = name === undefined || LIBRARY_HOMES[name]?.some((home) => home.test(path));
      return isAtHome ? [] : [`${path} imports ${target}: use its adapter in services/adapters`];
    }),
  );
}

/** No file imports itself, however long the way; types, re-exports and dynamic imports count too. */
export function importCircles(files: readonly SourceFile[]): string[] {
  return circles(fileArrows(files)).map((chain) => `files import each other: ${chain.join(" -> ")}`);
}

/** Nor do the rooms of a layer. */
export function roomCircles(files: readonly SourceFile[]): string[] {
  const rooms = new Map<string, Set<string>>();
  for (const [source, targets] of fileArrows(files)) {
    const own = room(source);
    if (own === undefined) continue;
    const others = [...targets].map(room).filter((other) => other !== undefined && other !== own);
    rooms.set(own, new Set([...(rooms.get(own) ?? []), ...(others as string[])]));
  }
  return circles(rooms).map((chain) => `rooms import each other: ${chain.join(" -> ")}`);
}

function fileArrows(files: readonly SourceFile[]): Arrows {
  return new Map(
    typescript(files).map(({ path, text }) => {
      const targets = importsOf(text).filter((target) => target.startsWith("."));
      return [path, new Set(targets.map((target) => resolve(path, target)))];
    }),
  );
}

function resolve(path: string, target: string): string {
  return posix.join(posix.dirname(path), target);
}

function layer(path: string): string {
  return path.split("/")[1] ?? "";
}

/** The folder in a layer that has rooms; undefined for a file beside the rooms. */
function room(path: string): string | undefined {
  const parts = path.split("/");
  const isInside = parts[0] === "services" && ROOMS.includes(layer(path)) && parts.length > 3;
  return isInside ? parts.slice(0, 3).join("/") : undefined;
}
