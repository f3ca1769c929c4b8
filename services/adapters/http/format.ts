import { type Format, MEDIA_TYPES } from "./route.ts";

/** The response format: the query's `format`, else the one that the Accept header prefers, else the first. */
export function negotiateFormat(formats: readonly Format[], query: unknown, accept: string): Format {
  const requested = (query as { readonly format?: Format }).format;
  if (requested !== undefined && formats.includes(requested)) return requested;
  const accepted = accept
    .split(",")
    .map(readRange)
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  for (const { type } of accepted) {
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
