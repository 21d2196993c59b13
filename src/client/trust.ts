/**
 * The library's one object: it answers what a reference means, by whom it is signed, or why it must not be used.
 *
 *     const trust = await openTrust({ server, policy: "trust.yaml", ca: "acme-ca.pem" });
 *     const { reference } = await trust.resolve("registry.acme.example/acme/kernel:6.6");
 *
 * Every answer is of the instant it was asked for, and was asked of the server. Whatever cannot be verified is thrown as
 * `TrustError`; `explain` says who must do what. Nothing is printed, and nothing is pulled. All questions are in one file,
 * because they share how a repository is brought up to date, kept and told about.
 */
import type { Expiry } from "../core/trusted-set.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { demandQuestion, demandText, demandTexts } from "./arguments.ts";
import { type Cache, diskCache } from "./cache/cache.ts";
import { checkDemands } from "./demands.ts";
import { asTrustError, TrustError } from "./errors.ts";
import type { Fetcher } from "./fetch/fetcher.ts";
import { reasonOf } from "./fetch/within.ts";
import type { Floor } from "./floor.ts";
import { checkFloors } from "./floors.ts";
import { floorsOf, readLock, readLockText } from "./locking/lockfile.ts";
import { lookUp, lookUpDigest } from "./lookup.ts";
import { notSigned } from "./not-signed.ts";
import { checkOptions, type OpenOptions, type TrustOptions } from "./options.ts";
import { type FoundRoot, inspectRoot } from "./pins/root-inspection.ts";
import { parsePolicyValue, readPolicyFile } from "./policy/file.ts";
import type { Unruled } from "./policy/no-rule.ts";
import { Rules, type Ruling } from "./policy/rules.ts";
import { Servers } from "./policy/servers.ts";
import { lockedReference, parseReference } from "./reference.ts";
import { Repositories } from "./repositories.ts";
import type { RepositoryCopy } from "./repository-copy.ts";
import type { RepositoryView } from "./repository-view.ts";
import { describe, type ResolvedImage, type SignedTarget } from "./result.ts";
import { checkRuntime } from "./runtime.ts";
import { codeOf, type Scope } from "./scope.ts";

/** One of many references: what it means, or why it must not be used. */
export type Outcome =
  | { readonly reference: string; readonly image: ResolvedImage; readonly error?: undefined }
  | { readonly reference: string; readonly image?: undefined; readonly error: unknown };

export interface FileQuestion {
  /** Full name of the repository, as a policy matches it. */
  readonly repository: string;
  /** Name of the target in it. */
  readonly target: string;
}

/**
 * Opens a trust: reads and checks policy, lock and pins, and makes no request yet.
 * Throws `RUNTIME_TOO_OLD`, `OPTION_INVALID`, `POLICY_INVALID`, `LOCK_INVALID`, `FILE_UNREADABLE`.
 */
export async function openTrust(options: TrustOptions): Promise<Trust> {
  checkRuntime(process.versions.node);
  const open = checkOptions(options);
  const policy = await policyOf(open);
  const notary =
    open.notaryConfig === undefined
      ? undefined
      : await (await import("./policy/notary-config.ts")).readNotaryConfig(open.notaryConfig);
  const floors =
    open.lock === undefined
      ? new Map<string, readonly Floor[]>()
      : floorsOf(readLock(await readLockText(open.lock), open.lock));
  return new Trust(open, policy, new Rules(policy, open, notary), floors);
}

function policyOf({ policy }: OpenOptions): Promise<TrustPolicy> {
  if (typeof policy === "string") return readPolicyFile(policy);
  // Without a policy every name has a rule that demands nothing but a pin.
  return parsePolicyValue(policy ?? { repositories: [{ match: "**" }] });
}

export class Trust {
  readonly #options: OpenOptions;
  readonly #rules: Rules;
  readonly #floors: ReadonlyMap<string, readonly Floor[]>;
  readonly #servers: Servers;
  readonly #cache: Cache;
  readonly #repositories: Repositories;
  #closed = false;
  #checkSender: ((origin: string) => void) | undefined;

  /** Use `openTrust`. @internal */
  constructor(
    options: OpenOptions,
    policy: TrustPolicy,
    rules: Rules,
    floors: ReadonlyMap<string, readonly Floor[]>,
  ) {
    this.#options = options;
    this.#rules = rules;
    this.#floors = floors;
    this.#servers = new Servers(options, policy);
    this.#cache = diskCache(options.cacheDir);
    this.#repositories = new Repositories(this.#cache, options.limits.memoryBytes);
  }

  /** Addresses of the trust servers that may be asked: those that the policy's rules lead to. */
  get servers(): readonly string[] {
    return this.#rules.servers;
  }

  /** What the policy says of a reference: a rule speaks for it, or what becomes of it without one. */
  coverage(reference: string): "rule" | "refuse" | "unverified" {
    demandText(reference, "coverage: reference");
    return this.#rules.covers(parseReference(reference).name) ? "rule" : this.#rules.default;
  }

  /** What is to be said of a full name that no rule speaks for. @internal */
  unruled(name: string): Unruled {
    return this.#rules.unruled(name);
  }

  /**
   * The digest that is signed for an image reference. A digest in the reference is held against the signed one; a
   * reference without a tag and a digest means `latest`.
   * Throws `TrustError` with any code but those of lock and output files.
   */
  async resolve(text: string): Promise<ResolvedImage> {
    demandText(text, "resolve: reference");
    return await this.#told({ reference: text }, async () => {
      const reference = parseReference(text);
      const { digest } = reference;
      const tag = reference.tag ?? (digest === undefined ? "latest" : undefined);
      return await this.#ask(reference.name, async (view) => {
        const hit =
          tag === undefined ? await lookUpDigest(view, (digest ?? "").slice(7)) : await lookUp(view, tag);
        if (hit === undefined)
          throw await notSigned(
            view,
            tag ?? digest ?? "",
            reference.tag === undefined && digest === undefined,
          );
        const count = await checkDemands(view, hit);
        const sha256 = hit.target.hashes.get("sha256");
        if (sha256 === undefined) {
          throw new TrustError(
            "NO_SHA256",
            `${hit.name} of ${view.scope.repository} is signed without a sha256.`,
            { role: hit.role },
          );
        }
        const signed = `sha256:${sha256}`;
        if (digest !== undefined && digest !== signed) {
          throw new TrustError(
            "DIGEST_MISMATCH",
            `${hit.role} signs ${signed} for ${hit.name}, not ${digest}.`,
            { role: hit.role },
          );
        }
        const written = { ...reference, tag };
        return { ...describe(view, hit, count), reference: lockedReference(written, signed), digest: signed };
      });
    });
  }

  /**
   * Many references in parallel, each with its own outcome, in the order given. A reference that is named twice is asked
   * for once. Memory is bounded by `limits.parallel` times the largest file, not by the number of references.
   * When `signal` fires nothing more is asked for: what had not begun is refused with its reason.
   */
  async resolveAll(references: readonly string[], signal?: AbortSignal): Promise<readonly Outcome[]> {
    demandTexts(references, "resolveAll: references");
    const { default: limit } = await import("p-limit");
    const turn = limit(this.#options.limits.parallel);
    const once = new Map<string, Promise<Outcome>>();
    let done = 0;
    const total = new Set(references).size;
    const outcome = async (reference: string): Promise<Outcome> => {
      if (signal?.aborted === true) return { reference, error: reasonOf(signal) };
      const result = await this.resolve(reference).then(
        (image): Outcome => ({ reference, image }),
        (error: unknown): Outcome => ({ reference, error }),
      );
      done++;
      this.#options.onEvent({
        type: result.error === undefined ? "resolved" : "refused",
        reference,
        done,
        total,
      });
      return result;
    };
    return await Promise.all(
      references.map((reference) => {
        const promise = once.get(reference) ?? turn(() => outcome(reference));
        once.set(reference, promise);
        return promise;
      }),
    );
  }

  /** What is signed under a name of a repository that need not hold images. Throws as `resolve`. */
  async lookUp(question: FileQuestion): Promise<SignedTarget> {
    return await this.#lookUp(question, "lookUp");
  }

  async #lookUp(question: FileQuestion, called: string): Promise<SignedTarget> {
    demandQuestion(question, `${called}: question`);
    const { repository, target } = question;
    return await this.#told({ reference: target, repository }, () =>
      this.#ask(repository, async (view) => {
        const hit = await lookUp(view, target);
        if (hit === undefined) throw await notSigned(view, target);
        return describe(view, hit, await checkDemands(view, hit));
      }),
    );
  }

  /**
   * Whether a file is the one that is signed: length and every signed digest. It reads the file once; whoever may change
   * it afterwards can still do so. Throws `FILE_MISMATCH`, `FILE_UNREADABLE`, and as `resolve`.
   */
  async verifyFile(path: string, question: FileQuestion): Promise<SignedTarget> {
    demandText(path, "verifyFile: path");
    const signed = await this.#lookUp(question, "verifyFile");
    const { refuseOtherFile } = await import("./file-check.ts");
    await refuseOtherFile(path, signed);
    return signed;
  }

  /** The newest root of a repository, with the keys that signed it, to be compared with what its publisher says. */
  async root(repository: string): Promise<FoundRoot> {
    return await this.#told({ repository }, async () => inspectRoot(await this.#scope(repository, "plain")));
  }

  /** Brings a repository up to date and checks its root, pins and floors, without looking anything up. Throws as `resolve`. */
  async check(repository: string): Promise<void> {
    await this.#told({ repository }, () =>
      this.#ask(repository, async (view) => void (await view.role("targets"))),
    );
  }

  /** Everything of a repository for whoever signs its next version. Throws as `check`. @internal */
  async copy(repository: string): Promise<RepositoryCopy> {
    const { copyOf } = await import("./repository-copy.ts");
    return await this.#told({ repository }, () => this.#ask(repository, copyOf, "ignored"));
  }

  /** The rule that speaks for a repository, with its pins. Throws as `check`. @internal */
  async ruling(name: string): Promise<Ruling> {
    return await this.#rules.rule(name);
  }

  /** The server of a repository, to send it what was signed; the name that is signed there. @internal */
  async sender(name: string): Promise<{ readonly repository: string; readonly fetcher: Fetcher }> {
    const { repository, fetcher } = await this.#scope(name, "plain");
    this.#checkSender?.(fetcher.origin);
    return { repository, fetcher };
  }

  /** @param check may throw: it is told the origin of each server before anything can be sent there @internal */
  checkSenders(check: (origin: string) => void): void {
    this.#checkSender = check;
  }

  /** Forgets what was trusted of a repository, versions included. For a repository that was made anew. */
  async forget(repository: string): Promise<void> {
    demandText(repository, "repository");
    const ruling = await this.#rules.rule(repository);
    const { origin } = await this.#servers.fetcher(ruling.server);
    await this.#repositories.forget({ server: origin, repository: ruling.repository });
  }

  /** Closes connections. Whoever asks it afterwards is thrown a `TypeError`. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#servers.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #scope(name: string, unruled?: "plain", expiry: Expiry = "enforced"): Promise<Scope> {
    demandText(name, "repository");
    if (this.#closed) throw new TypeError("The trust is closed: open another.");
    const { rule, repository, server, pins, asked } = await this.#rules.rule(name, unruled);
    const { limits, onEvent, now } = this.#options;
    const { notary } = await import("../core/format/notary.ts");
    return {
      repository,
      rule,
      pins,
      asked,
      floors: this.#floors.get(repository) ?? [],
      limits,
      onEvent,
      format: notary,
      fetcher: await this.#servers.fetcher(server),
      at: now(),
      expiry,
      // It keeps no process alive, and nothing of it is left when nobody holds it any more.
      signal: AbortSignal.timeout(limits.updateTime),
    };
  }

  async #ask<T>(
    name: string,
    answer: (view: RepositoryView) => Promise<T>,
    expiry: Expiry = "enforced",
  ): Promise<T> {
    const scope = await this.#scope(name, undefined, expiry);
    return await this.#told({ repository: scope.repository }, async () => {
      const view = await this.#repositories.view(scope);
      let result: T;
      try {
        result = await answer(view);
        checkFloors(view);
      } catch (error) {
        // What lies below a lock leaves nothing behind. Otherwise what was verified is kept; a cache that fails then is
        // less than why the question was refused.
        if (codeOf(error) === "BELOW_LOCK") this.#repositories.discard(view);
        else await this.#repositories.keep(view).catch(() => {});
        throw error;
      }
      await this.#repositories.keep(view);
      return result;
    });
  }

  /** Whatever is thrown, with what was asked for. */
  async #told<T>(context: { reference?: string; repository?: string }, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      throw asTrustError(error, context);
    }
  }
}
