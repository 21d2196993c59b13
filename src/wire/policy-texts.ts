/**
 * The policy file of a server: the client's file, read the same way, with what only a server cannot do with it refused
 * (`policy/server-problems.ts`). What only a client obeys is passed over, and files that only a client needs are not opened.
 */
import { dirname, resolve } from "node:path";
import { readPem } from "../client/files/pem-file.ts";
import { readText } from "../client/files/read-file.ts";
import { readAuthorities } from "../client/policy/authorities.ts";
import { largestPolicy, parsePolicy } from "../client/policy/file.ts";
import type { OpenPolicy } from "../policy/policy.ts";
import type { OpenPins } from "../policy/rules/pins.ts";
import { serverProblems } from "../policy/server-problems.ts";

/** The texts that a policy is made of: its own, and the PEM of the authorities it names, by path as it has it. */
export interface PolicyTexts {
  readonly file: string;
  readonly text: string;
  readonly authorities: Readonly<Record<string, string>>;
}

/** Reads the file and those it names, and makes sure that they are good. Throws `POLICY_INVALID`. */
export async function readServerPolicy(file: string): Promise<PolicyTexts> {
  const text = await readText(file, "policy", largestPolicy, "POLICY_INVALID");
  const { rules, source } = await parsePolicy(text, file, serverProblems);
  const authorities = new Map<string, string>();
  for (const { pins, place } of rules) {
    const ca = pins?.ca;
    if (ca === undefined || authorities.has(ca)) continue;
    const key = "root.pins.ca";
    const by = { key, file, line: source?.lines.get(`${place}.${key}`) };
    const pem = await readPem(resolve(dirname(file), ca), "file of pinned authorities", by, (content) => {
      readAuthorities(content);
      return content;
    });
    authorities.set(ca, pem);
  }
  return { file, text, authorities: Object.fromEntries(authorities) };
}

/** The policy that such texts are. Throws `POLICY_INVALID`, which those of `readServerPolicy` never are. */
export async function openServerPolicy({ file, text, authorities }: PolicyTexts): Promise<OpenPolicy> {
  const policy = await parsePolicy(text, file, serverProblems);
  const pins = policy.rules.flatMap(({ pins: named, place }): [string, OpenPins][] => {
    if (named === undefined) return [];
    const { keys, certificates, ca } = named;
    const pem = ca === undefined ? undefined : authorities[ca];
    return [[place, { keys, certificates, authorities: pem === undefined ? [] : readAuthorities(pem) }]];
  });
  return { policy, pins: new Map(pins) };
}
