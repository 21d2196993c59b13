/**
 * From edits to a publication: a verified copy of what is current, the edits applied to it, signatures by whoever is at hand,
 * one upload.
 *
 * - Another publisher may be faster. Then the edits are applied to what is current by now and signed again, a bounded number of
 *   times, and it is said so.
 * - Of an upload that broke off nobody knows whether it was done. That is settled by reading: files that are served with
 *   the very bytes that were sent were published.
 * - Without enough signatures nothing is sent: who is missing is said, and a proposal collects them.
 */
import type { RepositoryCopy } from "../client/repository-copy.ts";
import type { Trust } from "../client/trust.ts";
import { sha256Hex } from "../core/bytes.ts";
import type { Change } from "../core/changes.ts";
import type { FormatRules } from "../core/format/format.ts";
import { canonicalKeyId } from "../core/keys.ts";
import { applyEdits } from "./apply.ts";
import type { Custody, KeyInfo, OpenKey, Unlocking } from "./custody/custody.ts";
import { hiding, type KeyError } from "./custody/errors.ts";
import {
  brokenBy,
  changesOf,
  type Draft,
  draftOf,
  isComplete,
  joined,
  type Signatures,
  type Standing,
  sealed,
  signDraft,
  signersOf,
  standingOf,
} from "./draft.ts";
import type { Edit, Lifetimes } from "./edits.ts";
import { PublishError } from "./errors.ts";
import { type PinOutlook, pinOutlookOf } from "./pin-outlook.ts";
import { type Sender, send } from "./send.ts";
import { withSnapshot } from "./snapshot.ts";

export interface PublisherTools {
  readonly trust: Pick<Trust, "copy" | "ruling" | "sender">;
  readonly format: FormatRules;
  readonly keys: Custody;
  readonly unlocking: Unlocking;
  readonly lifetimes: Lifetimes;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Told what is being done, in a few words. */
  readonly doing?: (what: string) => void;
  /** Told what readers who pin the root will say of the next one, before anything is signed. */
  readonly foresaw?: (outlook: PinOutlook, repository: string) => void;
}

export interface Publication {
  readonly repository: string;
  readonly server: string;
  /** What was published: role and version. */
  readonly files: readonly { readonly role: string; readonly version: number }[];
  readonly changes: readonly Change[];
  /** How often somebody else was faster. */
  readonly rebased: number;
  /** Delegated roles that have to be signed again before readers take them. */
  readonly broken: readonly string[];
  /** Root keys that readers who pin those of before have to pin, too, or they refuse this root. */
  readonly unpinned: readonly string[];
}

const attempts = 5;

/** Throws `PublishError`, `EditError`, `KeyError`, `TrustError`. */
export async function publishEdits(
  tools: PublisherTools,
  repository: string,
  edits: readonly Edit[],
): Promise<Publication> {
  const opened = new Opened(tools);
  try {
    for (let rebased = 0; ; rebased++) {
      tools.doing?.(
        rebased === 0 ? `reading ${repository}` : `somebody was faster: reading ${repository} again`,
      );
      const copy = await tools.trust.copy(repository);
      const draft = draftFor(tools, copy, edits);
      if (draft.files.length === 0) return await publicationOf(tools, draft, copy.server, rebased, new Map());
      const outlook = rebased === 0 ? await pinOutlookOf(tools, draft, new Map()) : undefined;
      if (outlook !== undefined) tools.foresaw?.(outlook, copy.repository);
      const signatures = await signedBy(opened, draft);
      const standing = standingOf(draft, signatures);
      if (!isComplete(standing)) {
        const { repository: name } = copy;
        throw signersMissing(standing, `${name} cannot be published yet`, `vidimus proposal open ${name}`);
      }
      const files = await withSnapshot(draft, sealed(draft, signatures), copy, opened, tools);
      if (await upload(tools, copy, files))
        return await publicationOf(tools, draft, copy.server, rebased, signatures);
      if (rebased + 1 === attempts) {
        throw new PublishError(
          "LOST_RACE",
          `${attempts} times somebody else was faster with ${copy.repository}: try again when others rest.`,
        );
      }
    }
  } finally {
    opened.close();
  }
}

/** The draft of edits on what is current. */
export function draftFor(
  { format, lifetimes, now }: Pick<PublisherTools, "format" | "lifetimes" | "now">,
  copy: RepositoryCopy,
  edits: readonly Edit[],
): Draft {
  const signing = { format, lifetimes, at: now() };
  return draftOf(copy.repository, signing, copy, applyEdits(copy, edits, signing));
}

/** Keys that were opened, so that each asks for its passphrase once. */
export class Opened {
  readonly #tools: Pick<PublisherTools, "keys" | "unlocking" | "doing">;
  readonly #open = new Map<string, OpenKey>();
  #listed: readonly KeyInfo[] | undefined;

  constructor(tools: Pick<PublisherTools, "keys" | "unlocking" | "doing">) {
    this.#tools = tools;
  }

  async has(id: string): Promise<boolean> {
    this.#listed ??= await this.#tools.keys.list();
    return this.#listed.some((key) => key.id === id);
  }

  /** The fault of a file or place that may be why a wanted key is not here. */
  async hiding(isWanted: (id: string) => boolean): Promise<KeyError | undefined> {
    return hiding((await this.#tools.keys.faults?.()) ?? [], isWanted);
  }

  async key(id: string): Promise<OpenKey> {
    const present = this.#open.get(id);
    if (present !== undefined) return present;
    this.#tools.doing?.(`opening the key ${id.slice(0, 12)}`);
    const key = await this.#tools.keys.open(id, this.#tools.unlocking);
    this.#open.set(id, key);
    return key;
  }

  close(): void {
    for (const key of this.#open.values()) key.close();
    this.#open.clear();
  }
}

/**
 * Signs with keys at hand until nothing is missing: no key is opened that is not needed. Where something is missing that a damaged
 * file or a place that cannot be read may hold, its fault is thrown: nobody shall believe that the key is somebody else's.
 */
export async function signedBy(
  opened: Opened,
  draft: Draft,
  before: Signatures = new Map(),
): Promise<Signatures> {
  let signatures = before;
  for (const id of signersOf(draft)) {
    const standing = standingOf(draft, signatures);
    if (isComplete(standing)) break;
    if (!isWanted(standing, id) || !(await opened.has(id))) continue;
    signatures = joined(signatures, await signDraft(draft, await opened.key(id)));
  }
  const left = standingOf(draft, signatures);
  const fault = isComplete(left) ? undefined : await opened.hiding((id) => isWanted(left, id));
  if (fault !== undefined) throw fault;
  return signatures;
}

function isWanted(standing: readonly Standing[], id: string): boolean {
  return standing.some(
    ({ needed, signed, missing: absent }) =>
      signed.length < needed && absent.some((key) => canonicalKeyId(key) === id),
  );
}

/** @param what cannot be done; @param command that opens a proposal of it */
export function signersMissing(standing: readonly Standing[], what: string, command: string): PublishError {
  const lacking = standing
    .filter(({ needed, signed }) => signed.length < needed)
    .map(({ by, needed, signed, missing: absent }) => {
      const ids = absent.map((key) => canonicalKeyId(key).slice(0, 12)).join(", ");
      return `${by} has ${signed.length} of ${needed} signatures, and none of ${ids}`;
    });
  return new PublishError(
    "SIGNERS_MISSING",
    `${what}: ${lacking.join("; ")}. Open a proposal, which collects them: ${command}`,
  );
}

/** True: it is current now. False: somebody else was faster. */
async function upload(
  { trust, doing }: PublisherTools,
  { repository }: RepositoryCopy,
  files: ReadonlyMap<string, Buffer>,
): Promise<boolean> {
  const sender: Sender = await trust.sender(repository);
  doing?.(`sending ${repository} to ${sender.fetcher.origin}`);
  const outcome = await send(sender, files);
  if (outcome !== "unknown") return outcome === "published";
  let now: RepositoryCopy;
  try {
    now = await trust.copy(repository);
  } catch (cause) {
    throw new PublishError(
      "OUTCOME_UNKNOWN",
      `The connection broke off while ${repository} was published, and it cannot be read either: run the command again when the server is back, which settles it.`,
      { cause },
    );
  }
  if (isThere(now, files)) return true;
  throw new PublishError(
    "OUTCOME_UNKNOWN",
    `The connection broke off while ${repository} was published, and it is not there by now: run the command again, which settles it.`,
  );
}

function isThere({ root, targets }: RepositoryCopy, files: ReadonlyMap<string, Buffer>): boolean {
  const served = new Map([
    ["root", root.sha256],
    ...[...targets].map(([role, { sha256 }]) => [role, sha256] as const),
  ]);
  return [...files].every(([role, bytes]) => role === "snapshot" || served.get(role) === sha256Hex(bytes));
}

/** What a draft is once the server has it. */
export async function publicationOf(
  tools: Pick<PublisherTools, "trust" | "now">,
  draft: Draft,
  server: string,
  rebased: number,
  signatures: Signatures,
): Promise<Publication> {
  const outlook = await pinOutlookOf(tools, draft, signatures);
  const { outcome, own, kept = [], fresh = [] } = outlook ?? {};
  return {
    repository: draft.repository,
    server,
    files: draft.files.map(({ role, file }) => ({ role, version: file.signed.version })),
    changes: changesOf(draft),
    rebased,
    broken: brokenBy(draft),
    unpinned: outcome === "refused" ? fresh : own === "refused" ? [...kept, ...fresh] : [],
  };
}
