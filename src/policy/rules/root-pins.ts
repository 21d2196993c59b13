/**
 * A root that is published is signed by as many pinned keys as its own threshold and the policy demand, the first and every
 * later one. With `onRotation: anchor` that is asked of the first alone: every later one was signed by the one before.
 *
 * How many sign at all is the business of `role-thresholds.ts`: where every signature is by a pinned key there is nothing
 * to say here.
 */
import { openKey } from "../../core/keys.ts";
import type { Root } from "../../core/model.ts";
import { isMet } from "../../core/threshold.ts";
import { rootRole, type Verified } from "../../core/verify.ts";
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";
import { countPinned, type OpenPins, type PinQuestion, satisfiesPins } from "./pins.ts";

/** IDs in one sentence; all of them are in the finding's detail. */
const mostShown = 2;

export function rootPins(publication: Publication, { rule, pins }: Ruling): Finding[] {
  const { files, root, current, format, repository, at } = publication;
  if (pins === undefined || !files.some(({ role }) => role === "root")) return [];
  if (rule.onRotation === "anchor" && current.root !== undefined) return [];
  const question: PinQuestion = { pins, rule, scope: { format, repository }, at, validity: "now" };
  const pinned = countPinned(root, question);
  const all = countPinned(root, { ...question, pins: undefined });
  if (isMet(pinned) || (pinned.signed.length > 0 && pinned.signed.length === all.signed.length)) return [];
  const about = {
    severity: "refuse" as const,
    role: "root",
    detail: { needed: pinned.needed, signed: pinned.signed.length, keyIds: idsOf(root) },
  };
  const old = current.root;
  if (old !== undefined && satisfiesPins(old, { ...question, validity: "ignored" })) {
    return [
      {
        ...about,
        code: "PIN_ROTATED",
        sentence: `The root goes from ${shown(idsOf(old))} to ${shown(idsOf(root))}, and carries ${pinned.signed.length} of ${pinned.needed} signatures by keys that the policy pins.`,
        fix: "The operator adds the new keys to root.pins of the rule, or the publisher keeps the old ones.",
        detail: { ...about.detail, oldKeyIds: idsOf(old), newKeyIds: idsOf(root) },
      },
    ];
  }
  return [
    {
      ...about,
      code: "PIN_MISMATCH",
      sentence: `The root carries ${pinned.signed.length} of ${pinned.needed} signatures by keys that the policy pins; its keys are ${shown(idsOf(root))}.`,
      fix: "The publisher signs with the pinned keys, or the operator adds these to root.pins of the rule.",
      detail: { ...about.detail, pinnedIds: pinnedIds(pins) },
    },
  ];
}

/** IDs of bare keys: the same in every repository, whatever certificate is around them. */
function idsOf({ signed }: Verified<Root>): readonly string[] {
  return [...rootRole(signed, "root").keys.values()].map((key) => openKey(key)?.canonicalId ?? key.id);
}

function pinnedIds({ keys, certificates, authorities }: OpenPins): readonly string[] {
  return [...keys, ...certificates, ...authorities.map(({ fingerprint256 }) => fingerprint256)];
}

function shown(ids: readonly string[]): string {
  const more = ids.length - mostShown;
  return `${ids.slice(0, mostShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
