/**
 * Bringing the keys of an old signer to the server that takes its place.
 *
 * - Everything is read, and every key that is wanted opened, before the first one is brought: half a dump, a wrong
 *   passphrase or a server that is away change nothing.
 * - Wanted is what the root in force of a repository lists and the server does not hold. Whatever else the old signer has,
 *   keys of earlier roots and of repositories that are not here, stays locked.
 * - Once keys were brought, what goes wrong with another repository is told as its own fault, beside what was done. A server that is
 *   away by then is sent nothing more.
 * - The opened keys are wiped after the last call that carries one.
 */
import pLimit from "p-limit";
import { explain, TrustError } from "../client/errors.ts";
import { isAway } from "../client/fetch/fetcher.ts";
import { OldKeyError } from "./databases/errors.ts";
import type { BroughtKey, KeyServer, OnlineRole, OnlineRoles } from "./key-server.ts";
import { type LockedKey, type OldKey, type Opened, openKeys } from "./old-keys.ts";
import type { OldPassphrases } from "./old-passphrases.ts";

export type Outcome =
  /** Keys were brought, or would be. */
  | "taken"
  /** The server holds all that it needs. */
  | "held"
  /** The server does not know the repository. */
  | "absent"
  /** No role of it has enough keys in the old signer. */
  | "foreign"
  /** A key of it is damaged, or was refused, or did not reach the server for all that is known. */
  | "failed";

export interface Transferred {
  readonly repository: string;
  readonly outcome: Outcome;
  readonly keys: readonly { readonly role: OnlineRole; readonly id: string }[];
  /** Online roles that the server still cannot sign, such as a snapshot that its owner signs. */
  readonly without: readonly OnlineRole[];
  /** What went wrong. */
  readonly fault?: string;
}

export interface Transfer {
  readonly server: KeyServer;
  readonly passphrases: OldPassphrases;
  /** Empty: all that the old signer names. */
  readonly repositories: readonly string[];
  /** Bring nothing. */
  readonly dryRun: boolean;
}

/** Repositories that are asked about, or brought to, at one time. */
const atOnce = 10;

interface Wanted {
  readonly repository: string;
  readonly roles: OnlineRoles | undefined;
  readonly keys: readonly { readonly role: OnlineRole; readonly locked: LockedKey }[];
}

/**
 * Throws `OLD_KEYS_FOREIGN` if there is nothing for any repository that the server has, what opening keys throws, and what
 * `KeyServer.standing` throws. What it throws while keys are brought only where none was.
 */
export async function transferKeys(
  locked: readonly LockedKey[],
  { server, passphrases, repositories, dryRun }: Transfer,
): Promise<readonly Transferred[]> {
  const known = new Map(locked.map((key) => [key.keyId, key]));
  const named = new Set(locked.map((key) => key.repository).filter((name) => name !== ""));
  const asked = repositories.length > 0 ? [...new Set(repositories)] : [...named].sort();
  const limit = pLimit(atOnce);
  const wanted = await Promise.all(
    asked.map((repository) =>
      limit(async () => wantedOf(repository, await server.standing(repository), known)),
    ),
  );
  if (wanted.every(({ roles, keys }) => roles === undefined || (keys.length === 0 && !isServed(roles))))
    throw foreign(wanted);
  const opened = await openKeys(
    [...new Set(wanted.flatMap(({ keys }) => keys.map((key) => key.locked)))],
    passphrases,
  );
  const byId = new Map(opened.keys.map((key) => [key.keyId, key]));
  const sending = dryRun ? undefined : new Sending(server);
  // Each has ended before the keys are wiped, whatever became of another.
  const ended = await Promise.allSettled(wanted.map((one) => limit(() => bring(one, byId, opened, sending))));
  for (const { pkcs8 } of opened.keys) pkcs8.fill(0);
  const told = ended.map((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  });
  if (sending?.refusal !== undefined && !told.some(({ outcome }) => outcome === "taken"))
    throw sending.refusal;
  return told;
}

/** Brings keys to a server for as long as it answers. */
class Sending {
  readonly #server: KeyServer;
  /** The first thing that was wrong with asking. */
  refusal: TrustError | undefined;
  #isOver = false;

  constructor(server: KeyServer) {
    this.#server = server;
  }

  /** Throws `OldKeyError`s, with the words for the repository. */
  async bring(repository: string, keys: readonly BroughtKey[]): Promise<OnlineRoles> {
    if (this.#isOver)
      throw new OldKeyError(
        "OLD_KEY_REFUSED",
        `${repository}: its keys were not sent, for the server went away before: run the command again.`,
      );
    try {
      return await this.#server.bring(repository, keys);
    } catch (error) {
      if (error instanceof OldKeyError) throw error;
      if (!(error instanceof TrustError)) {
        // A fault of ours: nothing more is sent, and it is thrown once all have ended.
        this.#isOver = true;
        throw error;
      }
      this.refusal ??= error;
      if (isAway(error.code)) this.#isOver = true;
      const what = explain(error)?.what ?? error.message;
      const sentence = `${repository}: ${what} Whether its keys were taken in is not known: run the command again.`;
      throw new OldKeyError("OLD_KEY_REFUSED", sentence, error);
    }
  }
}

function wantedOf(
  repository: string,
  roles: OnlineRoles | undefined,
  known: ReadonlyMap<string, LockedKey>,
): Wanted {
  const keys = (roles ?? []).flatMap(({ role, keys: listed }) =>
    listed.flatMap(({ id, held }) => {
      const locked = held ? undefined : known.get(id);
      return locked === undefined ? [] : [{ role, locked }];
    }),
  );
  return { repository, roles, keys };
}

async function bring(
  { repository, roles, keys }: Wanted,
  byId: ReadonlyMap<string, OldKey>,
  { damaged }: Opened,
  sending: Sending | undefined,
): Promise<Transferred> {
  const brought = keys.map(({ role, locked }) => ({ role, id: locked.keyId }));
  const told = { repository, keys: brought, without: lacking(roles ?? [], brought) };
  if (roles === undefined) return { ...told, outcome: "absent" };
  if (keys.length === 0) return { ...told, outcome: isServed(roles) ? "held" : "foreign" };
  const fault = keys.map(({ locked }) => damaged.get(locked.keyId)).find((each) => each !== undefined);
  const failed = { ...told, outcome: "failed", keys: [], without: lacking(roles, []) } as const;
  if (fault !== undefined) return { ...failed, fault: fault.message };
  try {
    const open = keys.flatMap(({ role, locked }) => {
      const key = byId.get(locked.keyId);
      return key === undefined ? [] : [{ role, pkcs8: key.pkcs8 }];
    });
    const after = await sending?.bring(repository, open);
    return { ...told, without: after === undefined ? told.without : lacking(after, []), outcome: "taken" };
  } catch (error) {
    // One that is refused keeps nobody else's from being brought.
    if (error instanceof OldKeyError) return { ...failed, fault: error.message };
    throw error;
  }
}

/** Whether the server can renew the repository. */
function isServed(roles: OnlineRoles): boolean {
  return !lacking(roles, []).includes("timestamp");
}

function lacking(
  roles: OnlineRoles,
  brought: readonly { readonly role: OnlineRole; readonly id: string }[],
): readonly OnlineRole[] {
  return roles
    .filter(({ role, threshold, keys }) => {
      const there = keys.filter(
        ({ id, held }) => held || brought.some((each) => each.role === role && each.id === id),
      );
      return there.length < threshold;
    })
    .map(({ role }) => role);
}

function foreign(wanted: readonly Wanted[]): OldKeyError {
  const here = wanted.filter(({ roles }) => roles !== undefined).length;
  const why =
    here === 0
      ? `the server has none of the ${wanted.length} repositories that were asked for: take them over first, vidimus import notary`
      : `the roots of the ${here} repositories that the server has list other keys: name the signer that belongs to them, or adopt them with new roots, vidimus adopt`;
  return new OldKeyError("OLD_KEYS_FOREIGN", `The old signer has no key that is wanted here: ${why}.`);
}
