/** Addresses of this machine. */
import { BlockList, isIP, isIPv4 } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True for localhost, 127.0.0.0/8 and ::1: what only this machine can reach. */
export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  return isIP(host) !== 0 && loopback.check(host, isIPv4(host) ? "ipv4" : "ipv6");
}
