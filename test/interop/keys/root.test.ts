/**
 * Roots and targets signed by keys that never leave an agent or a token, for the stock client: certificates that such keys sign
 * themselves, published to both servers and read by `notary` as somebody who has never seen the repository.
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, inject } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import type { ListedKey } from "../../../src/core/keys.ts";
import { makeRootCertificate } from "../../../src/publisher/custody/certificates.ts";
import type { Custody, OpenKey, Unlocking } from "../../../src/publisher/custody/custody.ts";
import { pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { sshAgent } from "../../../src/publisher/custody/ssh-agent.ts";
import { facts } from "../../../src/publisher/files.ts";
import { listedKey } from "../../contract/custody.ts";
import { fetchOnlineKey } from "../../support/bare/fetch.ts";
import { upload } from "../../support/bare/upload.ts";
import { listedTargets } from "../support/notary.ts";
import { type Stage, scenario } from "../support/scenario.ts";
import { softTokens } from "../support/soft-token.ts";
import { addKey, startSshAgent } from "../support/ssh-agent.ts";

const pin = "a pin of 16 byte";
const unlocking: Unlocking = { secret: async () => Buffer.from(pin) };
const day = 86_400_000;
const content = Buffer.from("what is signed");

const makers = {
  ecdsa: () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  ed25519: () => generateKeyPairSync("ed25519").privateKey,
  rsa: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey,
};
type Kind = keyof typeof makers;

/** A place with some keys in it, and its end. */
interface Place {
  readonly custody: Custody;
  end(): Promise<void>;
}

const places = {
  async agent({ directory }: Stage, keys: readonly KeyObject[]): Promise<Place> {
    const agent = await startSshAgent(join(directory, "agent"));
    try {
      for (const [at, key] of keys.entries()) await addKey(agent, key, `key ${at}`);
    } catch (error) {
      await agent.stop();
      throw error;
    }
    return { custody: sshAgent({ path: agent.path }), end: () => agent.stop() };
  },
  async token({ directory }: Stage, keys: readonly KeyObject[]): Promise<Place> {
    const { module, environment, ...tokens } = softTokens(directory);
    await tokens.init("interop", pin);
    for (const [at, key] of keys.entries()) await tokens.import("interop", pin, key, `key ${at}`, `0${at}`);
    const driver = inject("tokenDriver") ?? "";
    const custody = pkcs11({ selection: { module, token: "interop" }, driver, environment });
    return { custody, end: () => custody.close() };
  },
};
type PlaceName = keyof typeof places;

/** A key of a role, as the root lists it. */
interface Holder {
  readonly key: OpenKey;
  readonly listed: ListedKey;
}

async function signed(canonical: Buffer, holders: readonly Holder[]): Promise<Buffer> {
  const signatures = [];
  for (const { key, listed } of holders) {
    const { method, bytes } = await key.sign(canonical);
    signatures.push({ keyId: listed.id, method, signature: Buffer.from(bytes) });
  }
  return notary.seal(canonical, signatures);
}

/** Publishes root 1 and targets 1, each wanting all of its holders, and has a stranger list them. */
async function publishAndRead(stage: Stage, roots: readonly OpenKey[], targets: readonly OpenKey[]) {
  const { repository } = stage;
  const server = { url: stage.server.url, ca: readFileSync(stage.server.ca, "utf8") };
  const [from, until] = [new Date(Date.now() - day), new Date(Date.now() + 3_650 * day)];
  const rootHolders: Holder[] = [];
  for (const key of roots) {
    rootHolders.push({ key, listed: (await makeRootCertificate(key, repository, from, until)).listed });
  }
  const targetHolders = targets.map((key) => ({ key, listed: key.info.listed }));
  const online = {
    timestamp: await fetchOnlineKey(server, repository, "timestamp"),
    snapshot: await fetchOnlineKey(server, repository, "snapshot"),
  };
  const edition = { version: 1, expires: Date.now() + 365 * day };
  const role = (holders: readonly { listed: ListedKey }[]) => ({
    keyIds: holders.map(({ listed }) => listed.id),
    threshold: holders.length,
  });
  const root = notary.encodeRoot({
    ...edition,
    keys: [...rootHolders, ...targetHolders].map(({ listed }) => listed).concat(Object.values(online)),
    roles: {
      root: role(rootHolders),
      targets: role(targetHolders),
      snapshot: role([{ listed: online.snapshot }]),
      timestamp: role([{ listed: online.timestamp }]),
    },
  });
  const first = notary.encodeTargets({
    ...edition,
    targets: new Map([["one", facts(content)]]),
    keys: [],
    delegations: [],
  });
  await upload(
    server,
    repository,
    new Map([
      ["root", await signed(root, rootHolders)],
      ["targets", await signed(first, targetHolders)],
    ]),
  );
  const reader = stage.person("reader");
  const list = listedTargets(await reader.do(["list", repository]));
  const verified = await reader.try(["verify", repository, "one"], { input: content.toString() });
  return { list: list.map(({ name, size, role }) => ({ name, size, role })), verified: verified.stdout };
}

const asPublished = {
  list: [{ name: "one", size: content.length, role: "targets" }],
  verified: content.toString(),
};

function rootOf(where: PlaceName, root: Kind, targets: Kind): void {
  scenario(
    `a root of ${root} and targets of ${targets} in ${where === "agent" ? "an ssh-agent" : "a PKCS#11 token"}`,
    async (stage) => {
      const keys = [makers[root](), makers[targets]()];
      const { custody, end } = await places[where](stage, keys);
      try {
        const open = [];
        for (const key of keys) open.push(await custody.open(listedKey(key).id, unlocking));
        return await publishAndRead(stage, open.slice(0, 1), open.slice(1));
      } finally {
        await end();
      }
    },
    asPublished,
  );
}

const agent = inject("sshAgent");
const token = inject("tokenDriver") !== null;

describe.skipIf(!agent)("keys in an agent are taken by the stock client", () => {
  rootOf("agent", "ecdsa", "ecdsa");
  rootOf("agent", "rsa", "ed25519");
});

describe.skipIf(!token)("keys in a token are taken by the stock client", () => {
  rootOf("token", "ecdsa", "ed25519");
  rootOf("token", "rsa", "ecdsa");
});

describe.skipIf(!agent || !token)("keys in both are taken by the stock client", () => {
  scenario(
    "a root and targets that each want a signature of an agent and one of a token",
    async (stage) => {
      const ends: Place[] = [];
      const [roots, targets]: [OpenKey[], OpenKey[]] = [[], []];
      try {
        for (const where of ["agent", "token"] as const) {
          const [first, second] = [makers.ecdsa(), makers.ecdsa()];
          const place = await places[where](stage, [first, second]);
          ends.push(place);
          roots.push(await place.custody.open(listedKey(first).id, unlocking));
          targets.push(await place.custody.open(listedKey(second).id, unlocking));
        }
        return await publishAndRead(stage, roots, targets);
      } finally {
        for (const { end } of ends) await end();
      }
    },
    asPublished,
  );
});
