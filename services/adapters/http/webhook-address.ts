// Where a webhook may go. Its URL is somebody else's text: it must not reach what only this machine or network can reach.
import { BlockList, isIP } from "node:net";

const URL_LENGTH_MAX = 2_048;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Not reachable from the internet: private, shared, link-local, documentation, benchmarking, multicast and reserved. */
const special = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const) {
  special.addSubnet(network, bits, "ipv4");
}
/** Within 2000::/3; everything outside of it is special, IPv4 in IPv6's clothes too. */
for (const [network, bits] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  special.addSubnet(network, bits, "ipv6");
}
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");

export interface WebhookRules {
  /** Private addresses too, and plain HTTP to this machine itself. */
  readonly allowsPrivate: boolean;
}

/** What is wrong with a webhook's URL as it is written, or null. Names are looked up when it is sent. */
export function urlFault(text: string, { allowsPrivate }: WebhookRules): string | null {
  if (text.length > URL_LENGTH_MAX) return `is longer than ${URL_LENGTH_MAX} characters`;
  if (!URL.canParse(text)) return "is no URL";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "holds a user or password";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && allowsPrivate))
    return "must begin with https://";
  if (url.hash !== "") return "holds a fragment";
  const host = hostOf(url);
  return isIP(host) === 0 ? null : addressFault(host, url, { allowsPrivate });
}

/** Why a request for this URL must not go to this address, or null. */
export function addressFault(address: string, url: URL, { allowsPrivate }: WebhookRules): string | null {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (url.protocol === "http:") {
    return allowsPrivate && loopback.check(address, family)
      ? null
      : "plain HTTP goes to this machine itself only";
  }
  if (allowsPrivate) return null;
  const isSpecial = special.check(address, family) || (family === "ipv6" && !global.check(address, family));
  return isSpecial ? "leads to an address that is not public" : null;
}

/** Without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
