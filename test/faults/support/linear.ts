/**
 * Linearizability: is there an order of the operations, each somewhere between its beginning and its end, in which a
 * simple model that does one thing at a time gives every answer that was given?
 *
 * The search is exhaustive. What is remembered is which operations were placed and where that leaves the model.
 */

export interface Operation<State> {
  readonly began: number;
  /** Infinity: nobody was told. */
  readonly ended: number;
  readonly name: string;
  /** The states that the model may be in afterwards, given the answer; none if the answer cannot be. */
  readonly next: (state: State) => readonly State[];
}

/** @param textOf the same text for the same state, another for another */
export function isLinearizable<State>(
  operations: readonly Operation<State>[],
  initial: State,
  textOf: (state: State) => string,
): boolean {
  const refuted = new Set<string>();
  const place = (done: bigint, state: State): boolean => {
    const left = operations
      .map((each, i) => ({ each, bit: 1n << BigInt(i) }))
      .filter(({ bit }) => !(done & bit));
    // Who was never told need not have happened.
    if (left.every(({ each }) => each.ended === Number.POSITIVE_INFINITY)) return true;
    const key = `${done} ${textOf(state)}`;
    if (refuted.has(key)) return false;
    const deadline = Math.min(...left.map(({ each }) => each.ended));
    for (const { each, bit } of left) {
      if (each.began > deadline) continue;
      for (const next of each.next(state)) if (place(done | bit, next)) return true;
    }
    refuted.add(key);
    return false;
  };
  return place(0n, initial);
}
