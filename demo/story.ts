/**
 * The demonstration, step by step: publish, read back, attack, ask the stock client. Each step says what came of it and
 * whether that is what was to be expected; nothing here decides how it looks.
 */
import type { TargetContent } from "../src/core/format/format.ts";
import type { TrustedSet } from "../src/core/trusted-set.ts";
import { makeTargets, publishFirst } from "../test/support/bare/collection.ts";
import type { PublisherKey } from "../test/support/bare/keys.ts";
import { upload } from "../test/support/bare/upload.ts";
import { type Attack, attacksOn, attempt, type Outcome } from "./attacks.ts";
import type { Image } from "./images.ts";
import { peopleOf } from "./people.ts";
import { digestOf, readRepository } from "./reader.ts";
import type { DemoServer } from "./server.ts";
import { stockList } from "./stock-client.ts";

const day = 86_400_000;

/** Sizes of the manifests are not publicly known, so they are published as 0. */
const unknownSize = 0;

export const targetsOf = ({ tag, sha256 }: Image): ReadonlyMap<string, TargetContent> =>
  new Map([[tag, { length: unknownSize, sha256, sha512: undefined }]]);

export async function publishImage(server: DemoServer, image: Image): Promise<void> {
  await publishFirst(server, {
    repository: image.repository,
    holders: await peopleOf(image.repository),
    targets: targetsOf(image),
    rootExpires: Date.now() + 3_650 * day,
    targetsExpires: Date.now() + 90 * day,
  });
}

export interface ReadBack {
  readonly versions: { readonly root: number; readonly targets: number; readonly timestamp: number };
  /** Days until the first of the four files expires. */
  readonly days: number;
  readonly good: boolean;
}

export async function readImage(server: DemoServer, image: Image): Promise<ReadBack> {
  const trusted = await readRepository(server, image.repository);
  const { root, timestamp, snapshot } = trusted;
  const targets = trusted.targets.get("targets");
  const signed = [root, timestamp, snapshot, targets].map((file) => file?.signed);
  const first = Math.min(...signed.map((each) => each?.expires ?? 0));
  const [rootVersion = 0, timestampVersion = 0, , targetsVersion = 0] = signed.map((each) => each?.version);
  return {
    versions: { root: rootVersion, targets: targetsVersion, timestamp: timestampVersion },
    days: Math.round((first - Date.now()) / day),
    good: digestOf(trusted, image.tag) === image.sha256,
  };
}

export interface AttackResult {
  readonly attack: Attack;
  /** Undefined: it was accepted. */
  readonly outcome: Outcome | undefined;
  readonly good: boolean;
}

/** Publishes an honest second version, then tries what must not work; the repository must stay as it was. */
export async function attackImage(
  server: DemoServer,
  image: Image,
): Promise<{ readonly results: readonly AttackResult[]; readonly unchanged: boolean }> {
  const { repository, tag, sha256 } = image;
  const holders = await peopleOf(repository);
  const signers = holders.targets.keys as [PublisherKey, PublisherKey];
  const expires = Date.now() + 90 * day;
  const previous = currentTargets(await readRepository(server, repository));
  const targets = new Map([...targetsOf(image), ...targetsOf({ ...image, tag: `${tag}-again`, sha256 })]);
  const second = makeTargets({ version: 2, expires }, targets, signers);
  await upload(server, repository, new Map([["targets", second]]));

  const results: AttackResult[] = [];
  for (const attack of attacksOn({ version: 2, expires, targets, signers, previous })) {
    const outcome = await attempt(server, repository, attack);
    const good = outcome !== undefined && outcome.status === 400 && outcome.code === attack.expected;
    results.push({ attack, outcome, good });
  }
  const after = currentTargets(await readRepository(server, repository));
  return { results, unchanged: after.equals(second) };
}

function currentTargets(trusted: TrustedSet): Buffer {
  const file = trusted.targets.get("targets");
  if (file === undefined) throw new Error("targets is missing");
  return file.bytes;
}

/** Whether the stock client lists the image with the digest that was published. */
export async function stockAgrees(server: DemoServer, image: Image, directory: string): Promise<boolean> {
  const listed = await stockList(server, image.repository, directory);
  return listed.get(image.tag) === image.sha256;
}
