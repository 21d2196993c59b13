/** A store that stops a publication between examination and commit, until somebody else has done something. */
import type { Publication, Store } from "../../src/store/contract/store.ts";

export interface Barrier {
  readonly wrapStore: (store: Store) => Store;
  /** The next commit of this kind runs `meanwhile` first. Once. */
  before(kind: Publication["kind"], meanwhile: () => Promise<unknown>): void;
}

export function barrier(): Barrier {
  let armed: { readonly kind: Publication["kind"]; readonly meanwhile: () => Promise<unknown> } | undefined;
  return {
    before(kind, meanwhile) {
      armed = { kind, meanwhile };
    },
    wrapStore: (store) => ({
      ...store,
      async commit(publication) {
        if (armed?.kind === publication.kind) {
          const { meanwhile } = armed;
          armed = undefined;
          await meanwhile();
        }
        return await store.commit(publication);
      },
    }),
  };
}
