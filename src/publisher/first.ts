/** A repository that is not there yet: root 1 and targets 1, with the server's own keys for snapshot and timestamp. */
import { canonicalKeyId, type ListedKey } from "../core/keys.ts";
import type { Metadata, RoleKeys, Root } from "../core/model.ts";
import { countSignatures, isMet } from "../core/threshold.ts";
import { rootRole } from "../core/verify.ts";
import { distinct } from "./contents.ts";
import { type Draft, draftOf, isComplete, sealed, standingOf } from "./draft.ts";
import { EditError, PublishError } from "./errors.ts";
import { onlineKey } from "./keys/online.ts";
import {
  Opened,
  type Publication,
  type PublisherTools,
  publicationOf,
  signedBy,
  signersMissing,
} from "./publish.ts";
import { type Sender, send } from "./send.ts";
import { count } from "./words.ts";

/** Who signs a role: keys as the role lists them (for root: certificates), and how many of them must. */
export interface Holders {
  readonly keys: readonly ListedKey[];
  readonly threshold: number;
}

export interface NewRepository {
  readonly repository: string;
  readonly root: Holders;
  readonly targets: Holders;
}

/** The first draft. Throws `REPOSITORY_EXISTS`, `PUBLISH_REFUSED`, `TrustError`. */
export async function firstDraft(tools: PublisherTools, wanted: NewRepository): Promise<Draft> {
  const { trust, format, lifetimes, now } = tools;
  checkHolders("root", wanted.root);
  checkHolders("targets", wanted.targets);
  const sender: Sender = await trust.sender(wanted.repository);
  await refuseExisting(sender);
  const timestamp = await onlineKey(sender, "timestamp");
  const snapshot = await onlineKey(sender, "snapshot");
  const { root, targets } = wanted;
  const at = now();
  const role = ({ keys, threshold }: Holders) => ({ keyIds: keys.map(({ id }) => id), threshold });
  return draftOf(sender.repository, { format, at }, undefined, {
    root: {
      version: 1,
      expires: at + lifetimes.root,
      keys: distinct([...root.keys, ...targets.keys, snapshot, timestamp]),
      roles: {
        root: role(root),
        targets: role(targets),
        snapshot: { keyIds: [snapshot.id], threshold: 1 },
        timestamp: { keyIds: [timestamp.id], threshold: 1 },
      },
    },
    targets: new Map([
      [
        "targets",
        { version: 1, expires: at + lifetimes.targets, targets: new Map(), keys: [], delegations: [] },
      ],
    ]),
  });
}

/**
 * Publishes it if the keys at hand suffice. What an earlier try has made, before it was cut off, counts as made: no file of it is
 * published again. Throws `PublishError`, `KeyError`, `TrustError`.
 */
export async function publishNew(tools: PublisherTools, wanted: NewRepository): Promise<Publication> {
  const made = await madeAlready(tools, wanted);
  if (made !== undefined) return made;
  const draft = await firstDraft(tools, wanted);
  const opened = new Opened(tools);
  try {
    const signatures = await signedBy(opened, draft);
    const standing = standingOf(draft, signatures);
    if (!isComplete(standing)) {
      const { repository } = wanted;
      const what = `${repository} cannot be made with the keys that are here`;
      throw signersMissing(standing, what, "the same command with --propose");
    }
    const sender: Sender = await tools.trust.sender(wanted.repository);
    const outcome = await send(sender, sealed(draft, signatures));
    if (outcome !== "published") throw undecided(wanted.repository, outcome);
    return await publicationOf(tools, draft, sender.fetcher.origin, 0, signatures);
  } finally {
    opened.close();
  }
}

/** Throws `THRESHOLD_UNREACHABLE`. */
function checkHolders(role: string, { keys, threshold }: Holders): void {
  const different = new Set(keys.map(canonicalKeyId)).size;
  if (different >= threshold) return;
  throw new EditError(
    "THRESHOLD_UNREACHABLE",
    `${role} would need ${count(threshold, "signature")} and have ${count(different, "different key")}: name more keys, or a lower threshold.`,
  );
}

function undecided(repository: string, outcome: "overtaken" | "unknown"): PublishError {
  return outcome === "overtaken"
    ? new PublishError(
        "REPOSITORY_EXISTS",
        `Somebody else has made ${repository} meanwhile: look at it before anything is signed.`,
      )
    : new PublishError(
        "OUTCOME_UNKNOWN",
        `The connection broke off while ${repository} was made: run the command again when the server is back. It says so if it was.`,
      );
}

/** What a root costs at most is enough to see that there is one. */
const largestRoot = 1_024 * 1_024;

/** Whether the server has the repository. */
export async function isThere({ repository, fetcher }: Sender): Promise<boolean> {
  const signal = AbortSignal.timeout(30_000);
  return (await fetcher.get({ repository, file: "root.json", maxBytes: largestRoot, signal })) !== undefined;
}

/** Whether the server's repository is the wanted one as it begins: the first root, which the wanted keys have signed. */
async function madeAlready(
  { trust, format }: PublisherTools,
  wanted: NewRepository,
): Promise<Publication | undefined> {
  const { repository, fetcher }: Sender = await trust.sender(wanted.repository);
  const signal = AbortSignal.timeout(30_000);
  const bytes = await fetcher.get({ repository, file: "root.json", maxBytes: largestRoot, signal });
  if (bytes === undefined) return undefined;
  const root = format.parse("root", bytes) as Metadata<Root>;
  const listed = rootRole(root.signed, "root");
  const isWanted =
    root.signed.version === 1 &&
    isMet(countSignatures(root, listed)) &&
    sameHolders(listed, wanted.root) &&
    sameHolders(rootRole(root.signed, "targets"), wanted.targets);
  if (!isWanted) return undefined;
  return { repository, server: fetcher.origin, files: [], changes: [], rebased: 0, broken: [], unpinned: [] };
}

/** The same keys, in whichever certificates, and as many of them. */
function sameHolders({ keys, threshold }: RoleKeys, wanted: Holders): boolean {
  const idsOf = (all: Iterable<ListedKey>) => [...new Set([...all].map(canonicalKeyId))].sort().join();
  return threshold === wanted.threshold && idsOf(keys.values()) === idsOf(wanted.keys);
}

async function refuseExisting(sender: Sender): Promise<void> {
  if (!(await isThere(sender))) return;
  const { repository, fetcher } = sender;
  throw new PublishError(
    "REPOSITORY_EXISTS",
    `${repository} is there already at ${fetcher.origin}: use \`vidimus status ${repository}\`, or another name.`,
  );
}
