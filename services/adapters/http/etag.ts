/**
 * Whether an If-None-Match header names the ETag, quotes included; weakly, as RFC 9110 says for it. One pass over the header,
 * whatever is in it.
 */
export function matchesEtag(header: string, etag: string): boolean {
  return header.split(",").some((part) => {
    const candidate = part.trim();
    return candidate === "*" || candidate === etag || candidate === `W/${etag}`;
  });
}
