/**
 * Since when keys have counted.
 *
 * A key has counted since the first instant of the stretch, up to the one that is asked about, in which nothing interrupted that.
 * A new version of a parent that lists it again is no interruption. A version that left it out is one, and so is every instant at
 * which readers would have refused a file on the way from the root, because it had expired for example.
 *
 * How far it is looked back has a bound, and files may have been taken away: `orEarlier` says that the stretch may have begun before.
 */
import { parentRole } from "../core/names.ts";
import { couldSign } from "./could-sign.ts";
import { type KeyUse, keyUsesIn } from "./key-uses.ts";
import { currentAt, type Open, type Past, type State, stateAt } from "./past.ts";

export interface Since {
  readonly at: number;
  readonly orEarlier: boolean;
}

/** By the ID of the bare key; one that does not count at the instant is not in it. */
export type Sinces = ReadonlyMap<string, Since>;

/** Changes that one look goes back over. */
const mostChanges = 200;

/** Since when the usable keys of a role could sign a path. */
export async function signingSince(
  past: Past,
  role: string,
  path: string,
  at: number,
  open: Open,
): Promise<Sinces> {
  return await heldSince(past, wayTo(role), at, open, (state) => {
    const found = couldSign(state, path).find((each) => each.role === role && each.inForce);
    return new Set(found?.usable.map(({ canonicalId }) => canonicalId));
  });
}

/** Since when these keys have been listed for a role, by files that had not expired. */
export async function listedSince(
  past: Past,
  role: string,
  keys: ReadonlySet<string>,
  at: number,
  open: Open,
): Promise<Sinces> {
  const isMeant = (use: KeyUse) => use.role === role && use.inForce && keys.has(use.key);
  return await heldSince(
    past,
    wayTo(role),
    at,
    open,
    (state) =>
      new Set(
        keyUsesIn(state)
          .filter(isMeant)
          .map(({ key }) => key),
      ),
  );
}

/** The roles whose files say who may sign a role, root first. */
function wayTo(role: string): readonly string[] {
  const way: string[] = [];
  for (let each = parentRole(role); each !== undefined; each = parentRole(each)) way.unshift(each);
  return ["root", ...way];
}

/**
 * From change to change, backwards. `held`: what counts by the files on the way as they stood at an instant. Between two changes
 * nothing but time passes, which makes files expire: what counts at the end of such a stretch has counted in all of it.
 */
async function heldSince(
  past: Past,
  way: readonly string[],
  at: number,
  open: Open,
  held: (state: State) => ReadonlySet<string>,
): Promise<Sinces> {
  const found = new Map<string, Since>();
  let keys = held(await stateAt(past, at, open, way));
  for (let [end, looked] = [at, 1]; keys.size > 0; looked++) {
    const begin = Math.max(...way.map((role) => currentAt(past, role, end)?.storedAt ?? 0));
    const before = way.map((role) => currentAt(past, role, begin - 1));
    const isKnown = looked < mostChanges && !before.some((row) => row?.removedAt !== undefined);
    for (const key of keys) found.set(key, { at: begin, orEarlier: !isKnown });
    if (!isKnown) break;
    end = begin - 1;
    const earlier = held(await stateAt(past, end, open, way));
    keys = new Set([...keys].filter((key) => earlier.has(key)));
  }
  return found;
}
