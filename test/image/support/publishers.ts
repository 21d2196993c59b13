/** Publishers that go on until the server is gone, and know what it acknowledged. */

import { facts } from "../../../src/publisher/files.ts";
import { type CollectionHolders, publishFirst, publishNext } from "../../support/bare/collection.ts";
import { ExchangeError, type TrustServer } from "../../support/bare/exchange.ts";
import { bareKey, certificateKey, generatePrivateKey, makeRootCertificate } from "../../support/bare/keys.ts";

const lifetime = 365 * 86_400_000;

export interface Publisher {
  readonly repository: string;
  /** The newest version of targets that the server said it took. */
  readonly acknowledged: number;
  /** The version that was sent last; it may have been taken without the answer having come. */
  readonly sent: number;
}

const targetsOf = (version: number) => new Map([[`v${version}`, facts(Buffer.from(`content ${version}`))]]);

/** Publishes version after version until the server cannot be reached. `taken` is called after each. */
export async function publishUntilGone(
  server: TrustServer,
  repository: string,
  taken: () => void,
): Promise<Publisher> {
  const state = { repository, acknowledged: 0, sent: 1 };
  const expires = Date.now() + lifetime;
  const rootKey = generatePrivateKey("ecdsa");
  const certificate = await makeRootCertificate(rootKey, repository, new Date());
  const holders: CollectionHolders = {
    root: { keys: [certificateKey(rootKey, certificate)], threshold: 1 },
    targets: { keys: [bareKey(generatePrivateKey("ed25519"))], threshold: 1 },
  };
  try {
    const first = { repository, holders, rootExpires: expires, targetsExpires: expires };
    await publishFirst(server, { ...first, targets: targetsOf(1) });
    for (;;) {
      state.acknowledged = state.sent;
      taken();
      state.sent++;
      const { keys: signers } = holders.targets;
      const next = { repository, current: state.acknowledged, signers, expires };
      await publishNext(server, { ...next, targets: targetsOf(state.sent) });
    }
  } catch (error) {
    if (!(error instanceof ExchangeError) || error.code !== "UNREACHABLE") throw error;
    return state;
  }
}
