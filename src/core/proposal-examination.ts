/**
 * What is demanded of a proposal before anybody signs: all that a publication is examined for, but that for its files enough
 * keys are there instead of enough signatures.
 */
import { UnauthenticError } from "./errors.ts";
import { openKey } from "./keys.ts";
import type { Metadata, Root, Targets } from "./model.ts";
import { parentRole, roleDepth } from "./names.ts";
import { type ProposalScope, type Requirement, requirementsOf } from "./proposal.ts";
import { type Candidate, examine, type Judge, type Plan } from "./publication.ts";
import { refuseExpired, type Verified } from "./verify.ts";

/**
 * Whether the proposal could be published once everybody has signed: all that a publication is examined for, but that for
 * uploaded files enough keys are there instead of enough signatures. Gives what it would make current, with the files in the
 * order of trust, none of which is verified. Throws what `examine` throws, `UNREACHABLE_THRESHOLD` and `OUTSIDE_PATHS`.
 */
export function examineProposal(candidate: Candidate): Pick<Plan, "root" | "targets" | "files"> {
  const { upload, current, format, repository, at } = candidate;
  const scope: ProposalScope = { format, repository, root: current.root, targets: current.targets, at };
  // What this judge lets pass is not verified, so nothing but a refusal is taken from the plan.
  const judge: Judge = {
    root(file) {
      for (const each of requirementsOf("root", upload, scope)) refuseUnreachable(file, each, scope);
      refuseExpired(file, at);
      return file as Verified<Root>;
    },
    targets(file) {
      for (const each of requirementsOf(file.role, upload, scope)) refuseUnreachable(file, each, scope);
      refuseExpired(file, at);
      return file as Verified<Targets>;
    },
  };
  const { root, targets, files } = examine(candidate, judge);
  for (const file of files) refuseOutside(file, candidate);
  return { root, targets, files };
}

function refuseUnreachable({ role }: Metadata, requirement: Requirement, scope: ProposalScope): void {
  const { by, keys, accept } = requirement;
  const usable = [...keys.keys.values()].map((key) => openKey(key)).filter((key) => key !== undefined);
  const materials = new Set(usable.filter(accept).map(({ material }) => material));
  if (materials.size >= keys.threshold) return;
  const fault =
    role === "root" && materials.size === 0
      ? usable
          .map((key) => scope.format.rootKeyFault(key, scope.repository, scope.at))
          .find((each) => each !== undefined)
      : undefined;
  if (fault !== undefined) {
    throw new UnauthenticError("ROOT_CERTIFICATE", `no key of this root can sign it: ${fault}`, { role });
  }
  throw new UnauthenticError(
    "UNREACHABLE_THRESHOLD",
    `${role} needs ${keys.threshold} signatures by the ${by} keys and has ${materials.size} that can sign: lower the threshold or list more keys.`,
    { role, detail: { needed: keys.threshold, keys: materials.size } },
  );
}

/**
 * A delegated role takes no new name, and gives no new paths, outside of what it was given itself: no client would ever
 * look there, so its signers would sign for nothing. What its published file has already may stay.
 */
function refuseOutside(file: Metadata, { upload, current, format }: Candidate): void {
  const { role, signed } = file;
  if (roleDepth(role) < 2 || signed.kind !== "targets") return;
  const paths = pathsOf(role, { upload, current, format });
  const before = current.targets.get(role)?.signed;
  const refuse = (what: string) => {
    throw new UnauthenticError(
      "OUTSIDE_PATHS",
      `${role} may not sign ${what}: its parents give it other paths, so clients would never look there.`,
      { role },
    );
  };
  for (const name of signed.targetNames()) {
    if (!format.covers(paths, name) && before?.target(name) === undefined) refuse(shown(name));
  }
  for (const child of signed.delegations) {
    const known = new Set(before?.delegations.find((each) => each.role === child.role)?.paths);
    const given = child.paths.filter((path) => !known.has(path));
    const outside = given.find((path) => format.narrow(paths, [path]).length === 0);
    if (outside !== undefined) refuse(`paths such as ${shown(outside)} for ${child.role}`);
  }
}

/** The paths that count for a delegated role, all parents considered. */
function pathsOf(role: string, files: Pick<Candidate, "upload" | "current" | "format">): readonly string[] {
  const parent = parentRole(role);
  if (parent === undefined) return [""];
  const file = files.upload.get(parent) ?? files.current.targets.get(parent);
  const own =
    file?.signed.kind === "targets" ? file.signed.delegations.find((each) => each.role === role) : undefined;
  return files.format.narrow(pathsOf(parent, files), own?.paths ?? []);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}
