/**
 * Whether what is about to be proposed waits already: somebody has opened it and was cut off before they were told, or a
 * colleague wants the same. Then there is one proposal to sign and not two, of which one would make the other fail.
 */
import { isDeepStrictEqual } from "node:util";
import { undated } from "../core/changes.ts";
import { VidimusError } from "../core/errors.ts";
import { canonicalKeyId } from "../core/keys.ts";
import type { Metadata, Root, Targets } from "../core/model.ts";
import { targetsContentOf } from "./contents.ts";
import type { Draft, DraftFile } from "./draft.ts";
import { EditError, PublishError } from "./errors.ts";
import type { Proposals } from "./proposals.ts";
import type { PublisherTools } from "./publish.ts";
import { type Review, review } from "./review.ts";

const day = 86_400_000;

/**
 * An open proposal of the same release that would make the same files: versions, names, keys and thresholds; dates of signing
 * and certificates aside, and good until the same day. Derived from its signed bytes.
 */
export async function waitingFor(
  tools: Pick<PublisherTools, "format" | "now" | "trust">,
  proposals: Proposals,
  draft: Draft,
  { release = "", server }: { readonly release?: string | undefined; readonly server: string },
): Promise<Review | undefined> {
  const { repository, before } = draft;
  for (const { id, release: label } of await proposals.list({ repository, state: "open" })) {
    if (label !== release) continue;
    try {
      const found = await review(tools, await proposals.get(id), server, before);
      if (saysTheSame(found.draft, draft)) return found;
    } catch (error) {
      // One that nobody should sign stands in nobody's way.
      if (!(error instanceof PublishError) || error.code !== "PROPOSAL_BAD") throw error;
    }
  }
  return undefined;
}

function saysTheSame({ files: there }: Draft, { files: here }: Draft): boolean {
  return (
    there.length === here.length &&
    here.every((file, index) => {
      const other = there[index];
      return other !== undefined && isSameFile(other, file);
    })
  );
}

function isSameFile(a: DraftFile, b: DraftFile): boolean {
  const [one, other] = [a.file.signed, b.file.signed];
  return (
    a.role === b.role &&
    one.version === other.version &&
    Math.abs(one.expires - other.expires) < day &&
    isDeepStrictEqual(meaningOf(a), meaningOf(b))
  );
}

function meaningOf({ role, file }: DraftFile): unknown {
  if (role === "root") {
    return [...(file as Metadata<Root>).signed.roles].map(([each, { keys, threshold }]) => [
      each,
      [...keys.values()].map(canonicalKeyId).sort(),
      threshold,
    ]);
  }
  try {
    const { targets, keys, delegations } = targetsContentOf(role, (file as Metadata<Targets>).signed);
    const plain = [...targets].map(([name, { custom, ...rest }]) => [name, rest, undated(custom).text]);
    return { targets: plain.sort(), keys, delegations };
  } catch (error) {
    if (error instanceof EditError || error instanceof VidimusError) return undefined;
    throw error;
  }
}
