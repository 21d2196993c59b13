/** What the checker may have to say; `checker.ts` tells what each code means. */

export type ViolationCode =
  | "LOST"
  | "WENT_BACK"
  | "TWO_STRINGS"
  | "INVENTED"
  | "REFUSED_SERVED"
  | "TORN"
  | "CHAIN"
  | "FEED_HOLE"
  | "TRAIL_BROKEN"
  | "UNTOLD"
  | "TOLD_FALSELY";

export interface Violation {
  readonly code: ViolationCode;
  readonly sentence: string;
}
