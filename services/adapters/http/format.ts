import { type Format, MEDIA_TYPES } from "./route.ts";

/** The format to answer in: the query's `format`, else the one that the Accept header likes best, else the first. */
export function formatAsked(formats: readonly Format[], query: unknown, accept: string): Format {
  const named = (query as { readonly format?: Format }).format;
  if (named !== undefined && formats.includes(named)) return named;
  const liked = accept
    .split(",")
    .map(readRange)
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  for (const { type } of liked) {
    const found = formats.find((format) => isWithin(MEDIA_TYPES[format], type));
    if (found !== undefined) return found;
  }
  return formats[0] ?? "json";
}

function readRange(text: string): { readonly type: string; readonly weight: number } {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((it) => it.startsWith("q="))?.slice(2);
  return { type, weight: weight === undefined ? 1 : Number(weight) || 0 };
}

function isWithin(mediaType: string, range: string): boolean {
  return range === mediaType || range === "*/*" || range === mediaType.replace(/[/].*/, "/*");
}
