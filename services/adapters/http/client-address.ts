import { isIPv6 } from "node:net";

const GROUPS = 8;
/** Whoever has one address of IPv6 has 2^64 of them. */
const GROUPS_OF_ONE_CLIENT = 4;

/** What counts as one client: an IPv4 address, or the /64 network of an IPv6 address. */
export function clientOf(address: string): string {
  const mapped = /^::ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const behind = tail === undefined || tail === "" ? [] : tail.split(":");
  if (tail !== undefined) while (groups.length + behind.length < GROUPS) groups.push("0");
  return [...groups, ...behind]
    .slice(0, GROUPS_OF_ONE_CLIENT)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
