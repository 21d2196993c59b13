/**
 * What readers who pin the root will say of the next one, told before anybody signs it: afterwards it is too late for them.
 *
 * A reader wants as many signatures by pinned keys as the root's threshold says. Who will sign is not known yet, so it may be sure
 * that a root is refused, or depend on who signs. Two kinds of readers are asked about: those who pin the keys that the root in
 * force lists, and the publisher's own policy, which may pin fewer of them, certificates instead of keys, or the next ones already.
 */
import type { Trust } from "../client/trust.ts";
import { canonicalKeyId, openKey, type UsableKey } from "../core/keys.ts";
import type { Root } from "../core/model.ts";
import { countSignatures } from "../core/threshold.ts";
import { rootRole } from "../core/verify.ts";
import { isPinned } from "../policy/rules/pins.ts";
import type { Draft, Need, Signatures } from "./draft.ts";

export type PinOutcome = "taken" | "depends" | "refused";

export interface PinOutlook {
  /** By readers who pin the keys of the root in force. */
  readonly outcome: PinOutcome;
  /** By the policy of who asks; `taken` where it pins nothing, or follows the chain of roots. */
  readonly own: PinOutcome;
  /** How many signatures by pinned keys a reader wants. */
  readonly needed: number;
  /** Bare IDs of keys of the next root that the root in force lists, too. */
  readonly kept: readonly string[];
  /** Bare IDs of those that it does not. */
  readonly fresh: readonly string[];
  /** Whether keys get other certificates: who pins those, or an authority over them, wants to know. */
  readonly certificates: boolean;
}

/**
 * Undefined where there is nothing to tell: the root does not change, or is the first, or everybody takes it.
 * @param signatures those that are there already
 */
export async function pinOutlookOf(
  { trust, now }: { readonly trust: Pick<Trust, "ruling">; readonly now: () => number },
  draft: Draft,
  signatures: Signatures,
): Promise<PinOutlook | undefined> {
  const next = nextOf(draft);
  if (next === undefined) return undefined;
  const { rule, pins } = await trust.ruling(draft.repository);
  const at = now();
  const isFree = pins === undefined || rule.onRotation === "anchor";
  const { threshold } = next.need.keys;
  const outlook: PinOutlook = {
    outcome: outcomeOf(next, signatures, threshold, ({ canonicalId }) => next.old.has(canonicalId)),
    own: isFree
      ? "taken"
      : outcomeOf(next, signatures, Math.max(threshold, rule.rootMinThreshold), (key) =>
          isPinned(key, pins, at),
        ),
    needed: threshold,
    kept: next.ids.filter((id) => next.old.has(id)),
    fresh: next.ids.filter((id) => !next.old.has(id)),
    certificates: hasOtherCertificates(next),
  };
  const isTold = outlook.outcome !== "taken" || outlook.own !== "taken" || outlook.certificates;
  return isTold ? outlook : undefined;
}

interface Next {
  readonly message: Buffer;
  /** Of the next root by its own keys. */
  readonly need: Need;
  /** Of the next root by the keys of the one before. */
  readonly before: Need | undefined;
  readonly present: Root;
  /** Bare IDs that the root in force lists. */
  readonly old: ReadonlySet<string>;
  /** Bare IDs that the next root lists, each once. */
  readonly ids: readonly string[];
}

function nextOf({ files, before }: Draft): Next | undefined {
  const file = files.find(({ role }) => role === "root");
  const need = file?.needs.find(({ by }) => by === "root");
  if (file === undefined || need === undefined || before === undefined) return undefined;
  const present = before.root.signed;
  return {
    message: file.message,
    need,
    before: file.needs.find(({ by }) => by !== "root"),
    present,
    old: new Set([...rootRole(present, "root").keys.values()].map(canonicalKeyId)),
    ids: [...new Set([...need.keys.keys.values()].map(canonicalKeyId))],
  };
}

function outcomeOf(
  { message, need, before, old }: Next,
  all: Signatures,
  needed: number,
  pins: (key: UsableKey) => boolean,
): PinOutcome {
  const keys = [...need.keys.keys.values()].flatMap((key) => openKey(key) ?? []);
  const pinned = new Set(keys.filter((key) => need.accept(key) && pins(key)).map((key) => key.canonicalId));
  const others = new Set(keys.map((key) => key.canonicalId).filter((id) => !pinned.has(id))).size;
  const signed = { message, signatures: all.get("root") ?? [] };
  const count = countSignatures(signed, need.keys, need.accept);
  const kept = count.signed.filter(({ canonicalId }) => pinned.has(canonicalId));
  const ofBefore = kept.filter(({ canonicalId }) => old.has(canonicalId)).length;
  // Whoever signs, so many pinned keys do at least: what others cannot give to a threshold has to come from them.
  const strangers = [...old].filter((id) => !pinned.has(id)).length;
  const sure = Math.max((before?.keys.threshold ?? 0) - strangers, ofBefore) + kept.length - ofBefore;
  if (Math.max(sure, need.keys.threshold - others) >= needed) return "taken";
  const isDone = count.signed.length >= count.needed && (before === undefined || isMetBy(before, signed));
  return pinned.size < needed || isDone ? "refused" : "depends";
}

function isMetBy({ keys, accept }: Need, signed: Parameters<typeof countSignatures>[0]): boolean {
  const { signed: by, needed } = countSignatures(signed, keys, accept);
  return by.length >= needed;
}

/** Whether a key that stays is listed by another certificate, so under another ID. */
function hasOtherCertificates({ need, present, old }: Next): boolean {
  const listed = new Set(rootRole(present, "root").keys.keys());
  return [...need.keys.keys.values()].some((key) => old.has(canonicalKeyId(key)) && !listed.has(key.id));
}
