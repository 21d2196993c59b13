/**
 * The judge at the end of every run. Given a history it says everything that must never be so:
 *
 * - `LOST`: a read that began after an acknowledgement shows less than was acknowledged
 * - `WENT_BACK`: a read that began after another one ended shows less than that one did
 * - `TWO_STRINGS`: one version of one life of a name has two byte strings
 * - `INVENTED`: a file is served that nobody had sent
 * - `REFUSED_SERVED`: a file is served of which it was said that nothing happened
 * - `TORN`: a publication is seen in part
 * - `CHAIN`: what is served does not verify, or names a file that is not served
 * - `FEED_HOLE`: the changefeed lacks a change, repeats one, or changes its past
 * - `TRAIL_BROKEN`: the audit trail is no chain, or its past has changed
 * - `UNTOLD`: what was acknowledged (a publication, a removal, a key), or is in the changefeed, has no record in the trail
 * - `TOLD_FALSELY`: the trail has a record of what did not happen, or two of what happened once
 *
 * It is pure, and knows nothing of the server. `checker.test.ts` gives it histories that lie.
 */
import { feedViolations } from "./checks/feed.ts";
import { orderViolations } from "./checks/order.ts";
import { byteViolations, tornViolations } from "./checks/strings.ts";
import { trailViolations } from "./checks/trail.ts";
import { type Happening, of } from "./history.ts";
import type { Violation } from "./violation.ts";

export function check(history: readonly Happening[]): Violation[] {
  return [
    ...orderViolations(history),
    ...byteViolations(history),
    ...tornViolations(history),
    ...chainViolations(history),
    ...feedViolations(history),
    ...trailViolations(history),
  ];
}

/** A file may be missing only while the repository is being removed under the reader's hands. */
function chainViolations(history: readonly Happening[]): Violation[] {
  const removals = of(history, "remove").filter(({ outcome }) => outcome !== "refused");
  return of(history, "view").flatMap((view): Violation[] => {
    if (view.flaw === undefined) return [];
    const removed = removals.some(
      ({ repository, began, ended }) =>
        repository === view.repository && began < view.ended && ended > view.began,
    );
    if (view.flaw.kind === "missing" && removed) return [];
    return [{ code: "CHAIN", sentence: `${view.repository} at ${view.began}: ${view.flaw.sentence}` }];
  });
}
