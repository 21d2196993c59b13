/** Time as the service sees it. Core never reads a clock: an instant is an argument, one per operation. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
