/**
 * `vidimus recover accept`: what was lost stays lost, and clients that have seen it go on all the same, as far as this
 * server's own signatures reach.
 *
 * - Floors first: whatever is made in a repository from then on, now or at its next publication, is above what clients
 *   have seen. A run that was cut off is simply run again.
 * - Then the timestamp is made anew, and the snapshot where its key is here.
 * - What owners signed only they can sign again. Their clients refuse older versions, as they must, until that is done.
 */
import { VidimusError } from "../../core/errors.ts";
import type { MarkEntry } from "../../store/mark.ts";
import type { Clock } from "../clock.ts";
import { loadRenewable, type RenewalParts, renewOnlineRoles } from "../online/renewal.ts";
import { ownPrincipal } from "../principal.ts";
import { recordOf } from "../trail/record.ts";
import type { Behind, LostFile } from "./behind.ts";

export interface RecoverParts extends RenewalParts {
  readonly clock: Clock;
}

export interface Recovered {
  readonly repository: string;
  /** What this server signed anew. */
  readonly made: readonly { readonly role: string; readonly version: number }[];
  /** Sentences: what the owner, or the operator, has to do. */
  readonly open: readonly string[];
}

/** Faults of one repository that must not keep the others from being recovered. */
const ofOneRepository = ["STORE_CORRUPT", "SEALED_KEY_DAMAGED"];

/** Roles that a record names. */
const mostNamed = 100;

/** Throws what the store and the signer throw: then it is to be run again. */
export async function acceptLoss(parts: RecoverParts, behind: Behind): Promise<Recovered> {
  const { store, format, clock } = parts;
  const { repository, marked } = behind;
  const at = clock.now();
  const floor = new Map([...marked.roles].map(([role, { version }]) => [role, version]));
  const versions = [...floor].map(([role, version]) => ({ role, version }));
  const audit = recordOf({
    at,
    principal: ownPrincipal,
    kind: "repository.recovered",
    repository,
    detail: { floor: versions.slice(0, mostNamed), floors: versions.length },
  });
  await store.raiseFloor({ repository, format: format.name, at, principal: ownPrincipal.name, floor, audit });
  const { exists } = await store.state(repository);
  const { made, why } = exists ? await signAnew(parts, repository, at) : { made: [], why: undefined };
  return { repository, made, open: [...(why === undefined ? [] : [why]), ...demands(behind, exists, made)] };
}

async function signAnew(
  parts: RecoverParts,
  repository: string,
  at: number,
): Promise<{ readonly made: Recovered["made"]; readonly why: string | undefined }> {
  try {
    const found = await loadRenewable(parts, repository, at);
    if (found === undefined) return { made: [], why: undefined };
    if ("hopeless" in found) {
      return {
        made: [],
        why: `timestamp: ${found.hopeless}: publish a new root that lists the server's key`,
      };
    }
    const { made } = await renewOnlineRoles(parts, found, { snapshot: true }, at);
    return { made: made.map(({ role, signed }) => ({ role, version: signed.version })), why: undefined };
  } catch (error) {
    if (!(error instanceof VidimusError) || !ofOneRepository.includes(error.code)) throw error;
    return { made: [], why: `it could not be signed anew (${error.code}): run vidimus fsck` };
  }
}

function demands({ kind, marked, files }: Behind, exists: boolean, made: Recovered["made"]): string[] {
  switch (kind) {
    case "removal":
      return ["it had been removed: delete it again if that still holds"];
    case "life":
      return demandsOfLife(marked, exists);
    case "files":
      return files
        .filter(({ role }) => role !== "timestamp" && !made.some((each) => each.role === role))
        .map(demandOf);
  }
}

function demandsOfLife({ exists: existed }: MarkEntry, exists: boolean): string[] {
  if (existed) {
    const first = exists ? "delete what is here, which is of an earlier life, and " : "";
    return [`all of it is lost: ${first}publish it again from its root on, with the server's new keys`];
  }
  return exists ? ["it had been removed: delete it again if that still holds"] : [];
}

function demandOf({ role, version, now, sha256 }: LostFile): string {
  if (role !== "root") return `${role}: publish it again, until its version is above ${version}`;
  const which = version - now === 1 ? `version ${version}` : `versions ${now + 1} to ${version}`;
  return `root: upload the very files of ${which} again (the last has SHA-256 ${sha256}), for clients that have them accept no others`;
}
