/** A writer in a process of its own, for as many stores as a test file wants. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import type { Ask } from "../../src/remote/answer.ts";
import { remoteSigner } from "../../src/remote/signer.ts";
import { remoteStore } from "../../src/remote/store.ts";
import { Peer } from "../../src/serve/peer.ts";
import type { Signer } from "../../src/signer/signer.ts";
import type { Store } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { temporaryDirectory } from "./directory.ts";

export interface ToDesk {
  readonly directory: string;
  readonly inner: unknown;
}

/** Handles of this process on one data directory of the other. */
export interface AtDesk {
  readonly ask: Ask;
  store(): Promise<Store>;
  signer(): Signer;
  close(): Promise<void>;
}

export interface OtherProcess {
  /** A new data directory. */
  open(): Promise<AtDesk>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Started before the tests of a file and ended after them. */
export function otherProcess(patience = 30_000): OtherProcess {
  let child: ChildProcess;
  let peer: Peer;
  beforeAll(() => {
    child = fork(fileURLToPath(new URL("./children/desk.ts", import.meta.url)), {
      serialization: "advanced",
      execArgv: [],
    });
    peer = new Peer(child, async () => ({ kind: "unsent" }), { inFlight: 1_000, patience });
  });
  afterAll(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });

  return {
    async open() {
      const directory = temporaryDirectory();
      const ask: Ask = (operation, inner) => peer.ask(operation, { directory, inner } satisfies ToDesk);
      const { kind } = await ask("open", undefined);
      if (kind !== "done") throw new Error(`the other process did not open a store: ${kind}`);
      const handles: Store[] = [];
      return {
        ask,
        async store() {
          const store = remoteStore(await openSqlite({ directory, readOnly: true }), ask);
          handles.push(store);
          return store;
        },
        signer: () => remoteSigner(ask),
        async close() {
          for (const handle of handles) await handle.close();
          await ask("close", undefined);
        },
      };
    },
    async kill(signal) {
      child.kill(signal);
      if (signal === "SIGKILL") await once(child, "close");
    },
  };
}
