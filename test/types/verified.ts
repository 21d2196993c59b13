/**
 * Compiled, never run: only `core/verify.ts` can say that a file is verified. Each line under an expected error
 * compiles as soon as the brand leaks, and then the type check fails.
 */
import type { Metadata, Root, Targets } from "../../src/core/model.ts";
import type { CurrentFiles, Plan } from "../../src/core/publication.ts";
import type { TrustedSet } from "../../src/core/trusted-set.ts";
import { type Moment, type Verified, verifyRole, verifyRoot } from "../../src/core/verify.ts";

declare const file: Metadata<Targets>;
declare const rootFile: Metadata<Root>;
declare const targets: Verified<Targets>;
declare const root: Verified<Root>;
declare const moment: Moment;
declare const client: TrustedSet;
declare const plan: Plan;

// @ts-expect-error: what was read was not verified
export const read: Verified<Targets> = file;

// @ts-expect-error: a copy is not what was verified
export const copied: Verified<Targets> = { ...file };

// @ts-expect-error: the brand cannot be written down
export const branded: Verified<Targets> = { ...file, verified: true };

// @ts-expect-error: a verified root is no verified targets
export const otherKind: Verified<Targets> = root;

// @ts-expect-error: a server's current files were verified
export const current: CurrentFiles["targets"] = new Map([["targets", file]]);

// @ts-expect-error: the previous root was verified
export const chained = (): Verified<Root> => verifyRoot(rootFile, "a", rootFile, moment);

// @ts-expect-error: what a client trusts is not assigned
client.root = root;

// @ts-expect-error: nor are its targets
client.targets.set("targets", targets);

// @ts-expect-error: nor is a plan
plan.root = root;

// What is allowed: a verified file is a file, and verifying gives a verified one.
export const plain: Metadata<Targets> = targets;
export const made = (): Verified<Targets> =>
  verifyRole(file, { keys: new Map(), threshold: 1 }, { at: 0, expiry: "enforced" });
