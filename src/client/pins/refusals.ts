/**
 * What is said of a root that the pins do not fit: the rule and its line, what is pinned, what signs instead, and the
 * command that pins it. The command is only for who has compared the IDs with the publisher's.
 */
import type { Root } from "../../core/model.ts";
import type { SignatureCount } from "../../core/threshold.ts";
import type { Verified } from "../../core/verify.ts";
import { commandOf } from "../command.ts";
import { TrustError, type TrustErrorContext } from "../errors.ts";
import type { Asked } from "../policy/rules.ts";
import { imageName } from "../reference.ts";
import type { Scope } from "../scope.ts";
import { idsOf } from "./root-keys.ts";

/** IDs in one sentence; a rule may pin very many. */
const mostShown = 8;

export function noPin(scope: Scope, root: Verified<Root>): TrustError {
  const ids = idsOf(root);
  return new TrustError(
    "NO_PIN",
    `The rule ${scope.rule.match.text} pins no root of ${scope.repository}; the server's is signed by ${listed(ids)}.`,
    about(scope, ids, { keyIds: ids }),
  );
}

/** @param count signatures by pinned keys: none, or too few */
export function mismatch(scope: Scope, root: Verified<Root>, { needed, signed }: SignatureCount): TrustError {
  const ids = idsOf(root);
  const pinned = pinnedOf(scope);
  const { repository, rule } = scope;
  const what =
    signed.length === 0
      ? `The root of ${repository} is not signed by enough of the keys that the rule ${rule.match.text} pins ` +
        `(${listed(pinned)}); it is signed by ${listed(ids)}.`
      : `The root of ${repository} needs ${needed} signatures by keys that the rule ${rule.match.text} pins and has ` +
        `${signed.length}, by ${listed(signed.map(({ canonicalId }) => canonicalId))}; its keys are ${listed(ids)}.`;
  return new TrustError(
    "PIN_MISMATCH",
    what,
    about(scope, unpinned(scope, ids), { keyIds: ids, pinnedIds: pinned, needed, signed: signed.length }),
  );
}

/** What is to be pinned; all of them where each is pinned already, and others have signed. */
function unpinned({ pins }: Scope, ids: readonly string[]): readonly string[] {
  const fresh = ids.filter((id) => pins?.keys.includes(id) !== true);
  return fresh.length === 0 ? ids : fresh;
}

export function rotated(scope: Scope, old: Verified<Root>, root: Verified<Root>): TrustError {
  const [before, after] = [idsOf(old), idsOf(root)];
  return new TrustError(
    "PIN_ROTATED",
    `The root of ${scope.repository} was rotated from ${listed(before)} to ${listed(after)}, which the rule ` +
      `${scope.rule.match.text} does not pin.`,
    about(scope, after, { oldKeyIds: before, newKeyIds: after }),
  );
}

/** @param ids what signs the root now */
function about(
  { asked }: Scope,
  ids: readonly string[],
  detail: NonNullable<TrustErrorContext["detail"]>,
): TrustErrorContext {
  const { file, line } = asked;
  const command = pinAdd(
    asked,
    ids.flatMap((id) => ["--key", id]),
  );
  const next = `If the publisher confirms ${ids.length === 1 ? "this key" : "these keys"} on another way than the network, run: ${command}`;
  return {
    role: "root",
    file,
    line,
    remedy: { who: "policy owner", next },
    detail: { ...detail, command },
  };
}

function pinnedOf({ pins }: Scope): readonly string[] {
  if (pins === undefined) return [];
  const authorities = pins.authorities.map(({ fingerprint256 }) => `the authority ${fingerprint256}`);
  return [...pins.keys, ...pins.certificates, ...authorities];
}

function listed(ids: readonly string[]): string {
  if (ids.length === 0) return "nothing";
  const more = ids.length - mostShown;
  return `${ids.slice(0, mostShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** The whole `pin add` of a name, with the policy and the server that it was asked by. */
export function pinAdd({ name, file, flags }: Asked, more: readonly string[]): string {
  return commandOf(
    ...["pin", "add", ...(imageName(name) === name ? [] : ["--files"]), name],
    ...more,
    ...(file === undefined ? [] : ["--policy", file]),
    ...flags,
  );
}
