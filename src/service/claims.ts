/**
 * Work that is claimed from the store piece by piece, so that any number of processes may share it. What a process was at when it
 * died, or left when it was stopped, is claimed again when its claim ends.
 */

export interface Claims<T> {
  /** Claims at most `batch` of what is due. */
  claim(batch: number): Promise<readonly T[]>;
  /** Pieces that are claimed at a time. */
  readonly batch: number;
  /** Pieces that are under way at a time, so that one that hangs keeps no other waiting. */
  readonly atOnce: number;
  /** Once it is true, nothing more is claimed or begun. */
  isStopped(): boolean;
  work(piece: T): Promise<void>;
}

/** Until nothing more is due. Throws what `claim` and `work` throw. */
export async function workOnClaims<T>({ claim, batch, atOnce, isStopped, work }: Claims<T>): Promise<void> {
  for (let found = batch; found === batch && !isStopped(); ) {
    const claimed = await claim(batch);
    found = claimed.length;
    const rest = claimed.values();
    const worker = async () => {
      for (const piece of rest) {
        if (isStopped()) return;
        await work(piece);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }
}
