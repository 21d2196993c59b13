/** Uploads that must be refused, each told with the code that the server must give. */
import type { TargetContent } from "../src/core/format/format.ts";
import { makeTargets } from "../test/support/bare/collection.ts";
import { ExchangeError, type TrustServer } from "../test/support/bare/exchange.ts";
import type { PublisherKey } from "../test/support/bare/keys.ts";
import { upload } from "../test/support/bare/upload.ts";

export interface Attack {
  readonly name: string;
  readonly story: string;
  /** The server's own code. */
  readonly expected: string;
  /** The targets file that is sent. */
  readonly targets: Buffer;
}

export interface Outcome {
  readonly status: number;
  /** The code in the API's words, and the server's own. */
  readonly apiCode: string;
  readonly code: string;
}

export interface Situation {
  /** Version of the targets file that is current, at least 2. */
  readonly version: number;
  readonly expires: number;
  readonly targets: ReadonlyMap<string, TargetContent>;
  /** Both must sign. */
  readonly signers: readonly [PublisherKey, PublisherKey];
  /** The file that was current before, exactly as it was published. */
  readonly previous: Buffer;
}

export function attacksOn({ version, expires, targets, signers, previous }: Situation): Attack[] {
  const edition = { version: version + 1, expires };
  return [
    {
      name: "tampered",
      story: "a digest changed after both had signed",
      expected: "THRESHOLD",
      targets: tampered(makeTargets(edition, targets, signers)),
    },
    {
      name: "rolled back",
      story: `targets ${version - 1} again, over targets ${version}`,
      expected: "ROLLBACK",
      targets: previous,
    },
    {
      name: "below threshold",
      story: "one signature where two are needed",
      expected: "THRESHOLD",
      targets: makeTargets(edition, targets, [signers[0]]),
    },
  ];
}

/** The same file with the first character of its first SHA-256 changed. */
function tampered(file: Buffer): Buffer {
  const text = file.toString("utf8");
  const at = text.indexOf('"sha256":"') + '"sha256":"'.length;
  return Buffer.from(`${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`, "utf8");
}

/** What the server says to an upload; undefined if it accepts it. */
export async function attempt(
  server: TrustServer,
  repository: string,
  { targets }: Attack,
): Promise<Outcome | undefined> {
  try {
    await upload(server, repository, new Map([["targets", targets]]));
    return undefined;
  } catch (error) {
    if (!(error instanceof ExchangeError) || error.answer === undefined) throw error;
    const { status, code = "", bytes } = error.answer;
    const body = JSON.parse(bytes.toString("utf8")) as { errors?: { code?: string }[] };
    return { status, code, apiCode: body.errors?.[0]?.code ?? "" };
  }
}
