/**
 * The floor of a look-up as a process: Node starts, asks a server for two files at once over one TLS context, and ends.
 * Nothing is verified. Arguments: the authority's file, then the two addresses.
 */
import { readFileSync } from "node:fs";
import { Agent, get } from "node:https";

const [authority, ...addresses] = process.argv.slice(2);
const agent = new Agent({ ca: readFileSync(authority), keepAlive: true });
let open = addresses.length;
for (const address of addresses) {
  get(address, { agent }, (answer) => {
    answer.resume().on("end", () => {
      open--;
      if (open === 0) agent.destroy();
    });
  });
}
