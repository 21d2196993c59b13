/** Locking one text in one call, for builders that call the library: what the sub-paths of the package are made of. */
import { demandObject, demandText, mistaken } from "../arguments.ts";
import type { InputFormat } from "../inputs/input.ts";
import type { ResolvedImage } from "../result.ts";
import { Trust } from "../trust.ts";
import type { LockFile } from "./lockfile.ts";
import type { Move } from "./locking.ts";

export interface LockTextOptions {
  /** From `openTrust`. */
  readonly trust: Trust;
  /**
   * How the text is called in messages and in the lock. Default: `-`. For `lock --check` it is a path from the lock's folder:
   * what is let through unverified counts for the files that the lock names.
   */
  readonly file?: string;
  /** Values of variables in Dockerfiles and Compose files. */
  readonly args?: Readonly<Record<string, string>>;
  /** An earlier lock: a tag that means another digest than in it is refused, unless `update` is true. */
  readonly previous?: LockFile;
  readonly update?: boolean;
  /** Let templates through that are built from the local tree (`@pkg:`). */
  readonly allowLocal?: boolean;
  /** Further images to be verified, such as those that LinuxKit runs to write its output. */
  readonly helpers?: readonly string[];
  /** Ends it early, with its reason if that is a `TrustError`, and otherwise as `TIMEOUT`. */
  readonly signal?: AbortSignal;
  /** The clock, in milliseconds since 1970 UTC. Default: the system's. */
  readonly now?: () => number;
}

export interface LockedText {
  /** The text to build from: every verified image with its digest. */
  readonly text: string;
  readonly lock: LockFile;
  readonly images: readonly ResolvedImage[];
  readonly moved: readonly Move[];
  /** References that were let through, as they are written. */
  readonly unverified: readonly string[];
  /** What the reader cannot cover, for people. */
  readonly notes: readonly string[];
}

/** Throws `LockRefused` with everything that is wrong, or `TrustError` for a text that cannot be read. */
export async function lockText(
  format: InputFormat,
  text: string,
  options: LockTextOptions,
): Promise<LockedText> {
  demandText(text, "text");
  demandObject(options, "options", "an object with the trust that openTrust gives");
  if (!(options.trust instanceof Trust))
    throw mistaken("options.trust", "what openTrust gives", options.trust);
  const { trust, file = "-", args = {}, now = Date.now, ...request } = options;
  const [{ readInput }, { lockInputs }] = await Promise.all([
    import("../inputs/read.ts"),
    import("./locking.ts"),
  ]);
  const input = await readInput(file, text, { format, args: new Map(Object.entries(args)) });
  const locked = await lockInputs(trust, { ...request, inputs: [input], at: now() });
  return {
    text: locked.texts.get(input) ?? "",
    lock: locked.lock,
    images: locked.images,
    moved: locked.moved,
    unverified: locked.unverified.map((each) => each.text),
    notes: input.notes,
  };
}
