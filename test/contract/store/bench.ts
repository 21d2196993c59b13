/** What a back end gives to the suite, and what each section of the suite gets. */
import type { Store } from "../../../src/store/contract/store.ts";

export interface OpenedStore {
  readonly store: Store;
  /** A second handle on the same data, as another process would have; memory gives itself. */
  another(): Promise<Store>;
  dispose(): Promise<void>;
}

/** What a section of the suite gets: the store of the running test. */
export interface Bench {
  readonly store: Store;
  another(): Promise<Store>;
}
