/** What the rules of a policy file say of a publication, without a server around them. */
import { expect } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata, Root } from "../../src/core/model.ts";
import type { Plan } from "../../src/core/publication.ts";
import type { Verified } from "../../src/core/verify.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import { defaultPolicy, type Finding, type OpenPolicy, type Policy } from "../../src/policy/policy.ts";
import type { Publication } from "../../src/policy/publication.ts";
import type { OpenPins } from "../../src/policy/rules/pins.ts";
import { readPolicy } from "../../src/policy/schema.ts";
import type { Publishing } from "./publishing.ts";

/** A policy file given as a value, its pins open. Authorities, which a file names, are given apart and stand in every rule. */
export function openPolicy(value: object, authorities: OpenPins["authorities"] = []): OpenPolicy {
  const policy = readPolicy(value);
  if ("length" in policy) return expect.unreachable(JSON.stringify(policy));
  const pins = policy.rules.flatMap(({ place, pins: pinned }): [string, OpenPins][] =>
    pinned === undefined ? [] : [[place, { ...pinned, authorities }]],
  );
  return { policy, pins: new Map(pins) };
}

/** The policy of a server whose file has one rule, for every name. */
export function ruled(rule: object, authorities?: OpenPins["authorities"]): Policy {
  return { ...defaultPolicy, file: openPolicy({ repositories: [{ match: "**", ...rule }] }, authorities) };
}

/** An upload that the server of `publishing` accepts, as the rules see it. */
export function publicationOf(publishing: Publishing, upload = uploadOf(publishing)): Publication {
  const { sim, server } = publishing;
  const plan = publishing.verdict(upload);
  return {
    format: notary,
    repository: sim.repository,
    at: sim.now,
    root: plan.root,
    files: plan.files,
    targets: plan.targets,
    current: {
      root: server.files.get("root") as Verified<Root> | undefined,
      versions: new Map([...server.files].map(([role, { signed }]) => [role, signed.version])),
    },
  };
}

/** What the newest generation brings; of a repository that is not published yet, everything. */
function uploadOf({ sim, server }: Publishing): ReadonlyMap<string, Buffer> {
  if (server.files.size > 0) return sim.upload("without snapshot");
  return new Map([...sim.served].filter(([role]) => role !== "snapshot" && role !== "timestamp"));
}

/** Files as if they had been examined: for rules that look at one file alone. */
export function examined(files: readonly Metadata[]): Publication {
  return {
    format: notary,
    repository: "example.org/team/app",
    at: 0,
    root: files.find(({ role }) => role === "root") as Plan["root"],
    files,
    targets: new Map(),
    current: { root: undefined, versions: new Map() },
  };
}

export function judged(publishing: Publishing, policy: Policy, upload?: Map<string, Buffer>): Finding[] {
  return evaluate(publicationOf(publishing, upload), policy);
}

/** Findings as `CODE role`. */
export function said(findings: readonly Finding[]): string[] {
  return findings.map(({ code, role }) => `${code}${role === undefined ? "" : ` ${role}`}`);
}
