/**
 * A proposal as its signer sees it: derived from the signed bytes and the signer's own verified copy, so that nothing of it is
 * the server's word.
 */
import { TrustError } from "../client/errors.ts";
import type { RepositoryCopy } from "../client/repository-copy.ts";
import type { Change } from "../core/changes.ts";
import { VidimusError } from "../core/errors.ts";
import { canonicalKeyId } from "../core/keys.ts";
import type { SignatureEntry } from "../core/model.ts";
import { rejectionStatement } from "../core/rejection.ts";
import type { OpenKey } from "./custody/custody.ts";
import {
  brokenBy,
  changesOf,
  type Draft,
  digestOf,
  draftFrom,
  type Signatures,
  type Standing,
  standingOf,
  withoutKeys,
} from "./draft.ts";
import type { OfflineState } from "./edits.ts";
import { EditError, PublishError } from "./errors.ts";
import { isThere } from "./first.ts";
import { publishedFile } from "./lapsed.ts";
import { type PinOutlook, pinOutlookOf } from "./pin-outlook.ts";
import { entryOf, type Proposal } from "./proposals.ts";
import type { PublisherTools } from "./publish.ts";

export interface Review {
  readonly proposal: Pick<
    Proposal,
    "id" | "repository" | "state" | "note" | "release" | "opened" | "expires" | "reason"
  >;
  readonly server: string;
  /** Without the keys that are denied. */
  readonly draft: Draft;
  readonly signatures: Signatures;
  readonly changes: readonly Change[];
  readonly standing: readonly Standing[];
  /** Bare keys whose signatures the server says it does not count, for its operator has denied them: by ID. */
  readonly denied: readonly string[];
  /** Delegated roles that will lack signatures. */
  readonly broken: readonly string[];
  /** What a signer has seen: SHA-256 over all signed parts. */
  readonly digest: string;
  /** Whether it is the first publication of its repository: nothing is compared then, and the keys have to be known. */
  readonly isFirst: boolean;
  /** Whether the files follow what is current: the version of each is the next one. */
  readonly follows: boolean;
  /** What readers who pin the root will say; undefined where they simply take it. */
  readonly pins: PinOutlook | undefined;
}

/** The signer's own copy; undefined where the repository is not there yet. */
export async function copyIfThere(
  { trust }: Pick<PublisherTools, "trust">,
  repository: string,
): Promise<RepositoryCopy | undefined> {
  try {
    return await trust.copy(repository);
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    if (error.code === "NO_TRUST_DATA") return undefined;
    // A policy need not speak of what is not there yet.
    if (error.code === "NO_RULE" && !(await isThere(await trust.sender(repository)))) return undefined;
    throw error;
  }
}

/** Throws `PROPOSAL_BAD` for files that cannot be what they say. */
export async function review(
  tools: Pick<PublisherTools, "format" | "now" | "trust">,
  proposal: Proposal,
  server: string,
  copy: OfflineState | undefined,
): Promise<Review> {
  const { format, now } = tools;
  const { id, repository } = proposal;
  let draft: Draft;
  try {
    const messages = new Map(proposal.files.map(({ role, signed }) => [role, Buffer.from(signed, "utf8")]));
    draft = draftFrom(repository, { format, at: now() }, copy, messages);
  } catch (error) {
    if (!(error instanceof VidimusError) && !(error instanceof EditError)) throw error;
    throw new PublishError(
      "PROPOSAL_BAD",
      `The proposal ${id} of ${repository} holds what nobody can sign: ${error.message} Ask who opened it.`,
      { cause: error },
    );
  }
  const signatures = new Map(proposal.files.map(({ role, signatures: all }) => [role, all.map(entryOf)]));
  const follows = draft.files.every(({ role, file }) => {
    const before =
      role === "root" ? copy?.root.signed.version : copy && publishedFile(copy, role)?.signed.version;
    return role === "root" ? file.signed.version === (before ?? 0) + 1 : file.signed.version > (before ?? 0);
  });
  const denied = deniedIn(proposal, draft);
  const countable = withoutKeys(draft, new Set(denied));
  return {
    proposal,
    server,
    draft: countable,
    signatures,
    changes: changesOf(draft),
    standing: standingOf(countable, signatures),
    denied,
    broken: brokenBy(draft),
    digest: digestOf(draft),
    isFirst: copy === undefined,
    follows,
    pins: await pinOutlookOf(tools, draft, signatures),
  };
}

/** What the server says, as far as it is about keys that the draft lists. */
function deniedIn({ files }: Proposal, draft: Draft): readonly string[] {
  const said = new Map(files.map(({ role, denied }) => [role, new Set(denied)]));
  const all = draft.files.flatMap(({ role, needs }) =>
    needs.flatMap(({ keys }) =>
      [...keys.keys.values()].filter(({ id }) => said.get(role)?.has(id)).map(canonicalKeyId),
    ),
  );
  return [...new Set(all)];
}

/**
 * A rejection by a key of a role that the proposal touches. Throws `SIGNERS_MISSING` if the key is of none.
 * @param reason one line of at most `maxReason` characters (`core/rejection.ts`)
 */
export async function rejectionBy(
  key: OpenKey,
  { draft, proposal, digest }: Review,
  reason: string,
): Promise<{ readonly role: string; readonly statement: Buffer; readonly signature: SignatureEntry }> {
  const statement = rejectionStatement({
    repository: draft.repository,
    proposal: proposal.id,
    digest,
    reason,
  });
  for (const { role, needs } of draft.files) {
    for (const { keys } of needs) {
      const listed = [...keys.keys.values()].find((each) => canonicalKeyId(each) === key.info.id);
      if (listed === undefined) continue;
      const { method, bytes } = await key.sign(statement);
      return { role, statement, signature: { keyId: listed.id, method, signature: bytes } };
    }
  }
  throw new PublishError(
    "SIGNERS_MISSING",
    "That key could sign nothing of this proposal, so it cannot reject it.",
  );
}
