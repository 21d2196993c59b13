/** A Vidimus of one's own that holds publications to one of the example policies, for the registry and the key at hand. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TrustServer } from "./trust-server.ts";
import { startVidimus } from "./vidimus-server.ts";

const examples = resolve(import.meta.dirname, "../../../examples/policy");
/** What stands in the examples for one's own. */
const example = {
  host: "registry.acme.example",
  key: "d690bfd3d6411227e5c5ea66368aa4c776a353fbcd02cf58f201b6f311969243",
};

export type ExamplePolicy = "stock-clients" | "strict-quorum";

/** `rootKey`: the ID that `notary key list` shows. */
export async function startWithPolicy(
  directory: string,
  policy: ExamplePolicy,
  { host, rootKey }: { readonly host: string; readonly rootKey: string },
): Promise<TrustServer> {
  const text = readFileSync(join(examples, `${policy}.yaml`), "utf8");
  for (const each of Object.values(example)) if (!text.includes(each)) throw new Error(`${policy}: ${each}`);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "policy.yaml");
  writeFileSync(file, text.replaceAll(example.host, host).replaceAll(example.key, rootKey));
  return await startVidimus(directory, { flags: ["--policy", file] });
}

/** The ID of the one root key, from what `notary key list` prints. */
export function rootKeyIn(listing: string): string {
  const [, id] = /^\s*root\s+([0-9a-f]{64})\s/m.exec(listing) ?? [];
  if (id === undefined) throw new Error(`no root key in: ${listing}`);
  return id;
}
