/**
 * Nothing acknowledged is lost, and time never runs backwards for who reads.
 *
 * A place in the life of a name is a number: 2n while its n-th life lasts, 2n + 1 once that has ended. Every
 * acknowledgement and every read gives a least place, and a least version for each role at that place; what begins
 * after it ended must not be below.
 */

import { byRepository, type Happening, of, type Removing, type Viewing } from "../history.ts";
import type { Violation } from "../violation.ts";
import { livesOf } from "./lives.ts";

type Origin = "acknowledged" | "read";

interface Mark {
  readonly place: number;
  readonly version: number;
  readonly origin: Origin;
}

/** What everything that has ended so far demands of what begins now. */
class Floor {
  #place: Mark = { place: 0, version: 0, origin: "read" };
  readonly #roles = new Map<string, Mark>();

  get place(): Mark {
    return this.#place;
  }

  raise(place: number, origin: Origin, files: ReadonlyMap<string, { readonly version: number }> = new Map()) {
    if (place > this.#place.place) this.#place = { place, version: 0, origin };
    for (const [role, { version }] of files) {
      const mark = { place, version, origin };
      if (isBelow(this.#roles.get(role) ?? nowhere, mark)) this.#roles.set(role, mark);
    }
  }

  /** The roles that a view at this place must show. */
  demanded(place: number): [string, Mark][] {
    return [...this.#roles].filter(([, mark]) => mark.place === place);
  }
}

const nowhere: Mark = { place: 0, version: 0, origin: "read" };

function isBelow(a: Mark, b: Mark): boolean {
  return a.place < b.place || (a.place === b.place && a.version < b.version);
}

export function orderViolations(history: readonly Happening[]): Violation[] {
  const lives = livesOf(history);
  const writes = [...of(history, "publish"), ...of(history, "remove")];
  const writesOf = byRepository(writes);
  return [...byRepository(of(history, "view"))].flatMap(([repository, views]) => {
    const own = writesOf.get(repository) ?? [];
    const removals = own.filter((each): each is Removing => each.kind === "remove");
    const floor = new Floor();
    const raises: { readonly ended: number; readonly raise: () => void }[] = [];
    for (const write of own) {
      if (write.outcome !== "acknowledged") continue;
      const raise = () =>
        write.kind === "publish"
          ? floor.raise(2 * write.life, "acknowledged", write.files)
          : floor.raise(2 * write.life + 1, "acknowledged");
      raises.push({ ended: write.ended, raise });
    }
    raises.sort((a, b) => a.ended - b.ended);
    const found: Violation[] = [];
    for (const view of [...views].sort((a, b) => a.began - b.began)) {
      while (raises[0] !== undefined && raises[0].ended < view.began) raises.shift()?.raise();
      const life = view.firstRoot === undefined ? undefined : lives.get(view.firstRoot);
      const place = view.files.size === 0 ? absentPlace(view, floor, removals) : life && 2 * life;
      // A root that nobody sent is `byteViolations`' to say.
      if (place === undefined) {
        if (view.files.size === 0) found.push(violation(floor.place, view, "it is not there"));
        continue;
      }
      found.push(...viewViolations(view, place, floor));
      insert(raises, { ended: view.ended, raise: () => floor.raise(place, "read", view.files) });
    }
    return found;
  });
}

/** Where a name stands that was not there; undefined if it cannot have gone. */
function absentPlace(view: Viewing, floor: Floor, removals: readonly Removing[]): number | undefined {
  const { place } = floor.place;
  if (place === 0 || place % 2 === 1) return place;
  const gone = removals.some(
    ({ life, outcome, began }) => 2 * life >= place && outcome !== "refused" && began < view.ended,
  );
  return gone ? place + 1 : undefined;
}

function viewViolations(view: Viewing, place: number, floor: Floor): Violation[] {
  if (view.files.size === 0) return [];
  if (place < floor.place.place) return [violation(floor.place, view, "it shows a life that has ended")];
  if (view.flaw !== undefined) return [];
  return floor.demanded(place).flatMap(([role, mark]) => {
    const version = view.files.get(role)?.version ?? 0;
    if (version >= mark.version) return [];
    return [violation(mark, view, `${role} is at ${version}, below ${mark.version}`)];
  });
}

function violation({ origin }: Mark, { repository, began }: Viewing, what: string): Violation {
  return {
    code: origin === "acknowledged" ? "LOST" : "WENT_BACK",
    sentence: `${repository} at ${began}: ${what}`,
  };
}

function insert<T extends { readonly ended: number }>(sorted: T[], item: T): void {
  let at = sorted.length;
  while (at > 0 && (sorted[at - 1] as T).ended > item.ended) at--;
  sorted.splice(at, 0, item);
}
