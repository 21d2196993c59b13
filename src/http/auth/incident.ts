/**
 * Names for what a caller is told without its reason: the reason stands in the log under the same name, where whoever runs the
 * server finds it.
 */
import { randomBytes } from "node:crypto";

/** Eight hexadecimal digits: few enough to be read out. */
export function makeIncident(): string {
  return randomBytes(4).toString("hex");
}

/** What a caller is told to do with one. */
export function tellIncident(incident: string): string {
  return `tell who runs this server the incident ${incident}, under which its log has the reason`;
}
