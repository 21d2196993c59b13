/**
 * The store's contract (`src/store/contract/store.ts`) as tests, run against every back end. A back end adds only what
 * is true of it alone.
 */
import { afterEach, beforeEach, describe } from "vitest";
import { access } from "./store/access.ts";
import { audit } from "./store/audit.ts";
import type { Bench, OpenedStore } from "./store/bench.ts";
import { changefeed } from "./store/changefeed.ts";
import { elsewhere } from "./store/elsewhere.ts";
import { floors } from "./store/floors.ts";
import { histories } from "./store/histories.ts";
import { history } from "./store/history.ts";
import { imports } from "./store/imports.ts";
import { keys } from "./store/keys.ts";
import { names } from "./store/names.ts";
import { outbox } from "./store/outbox.ts";
import { proposals } from "./store/proposals.ts";
import { publications } from "./store/publications.ts";
import { register } from "./store/register.ts";
import { removal } from "./store/removal.ts";
import { renewal } from "./store/renewal.ts";
import { retention } from "./store/retention.ts";

export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} keeps the store's contract`, () => {
    let opened: OpenedStore;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.dispose());

    const bench: Bench = {
      get store() {
        return opened.store;
      },
      another: () => opened.another(),
    };

    publications(bench);
    names(bench);
    changefeed(bench);
    removal(bench);
    floors(bench);
    renewal(bench);
    keys(bench);
    imports(bench);
    elsewhere(bench);
    proposals(bench);
    outbox(bench);
    retention(bench);
    access(bench);
    audit(bench);
    history(bench);
    register(bench);
    histories(open);
  });
}
