/**
 * `lock FILE…`: verifies every image that build files name, then writes `X.locked.yml` beside each `X.yml` and
 * `vidimus.lock`. Nothing is written unless everything is good; files are never changed in place. `-` filters standard
 * input to standard output.
 */

import { resolve } from "node:path";
import type { Command } from "commander";
import { TrustError } from "../errors.ts";
import { within } from "../fetch/within.ts";
import { readText } from "../files/read-file.ts";
import type { Input, InputFormat } from "../inputs/input.ts";
import type { Failure } from "../locking/coverage.ts";
import { absentLock, encodeLock, helperPlace } from "../locking/lockfile.ts";
import type { Locked } from "../locking/locking.ts";
import { openTrust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { examples } from "./examples.ts";
import {
  addTrustFlags,
  refuseUnusedServer,
  seconds,
  type TrustFlags,
  trustOptions,
  usualLock,
} from "./flags.ts";
import { isThere, lockAtHand } from "./lock-at-hand.ts";
import { isNamed, nameInLock } from "./lock-files.ts";
import { isLockedName, lockedName, sourceName, writeOutputs } from "./lock-output.ts";
import { type Reporting, sayChecked, sayLocked, sayMoved } from "./lock-report.ts";
import { progressOn } from "./progress.ts";
import { type Refused, reportRefused, UsageError } from "./report.ts";

interface LockFlags extends TrustFlags {
  readonly lock?: string;
  readonly check?: boolean;
  readonly update?: boolean;
  readonly allowLocal?: boolean;
  readonly helpers: readonly string[];
  readonly arg: readonly string[];
  readonly format?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

const formats: readonly InputFormat[] = ["linuxkit", "dockerfile", "compose", "list"];
const largestInput = 1_048_576;
/** In seconds: what hangs ends before a build server's patience does. */
const usualTimeout = "600";

export function addLock(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const collect = (value: string, all: readonly string[]) => [...all, value];
  const command = parent
    .command("lock")
    .addHelpText("after", examples(`${context.program} lock linuxkit.yml`))
    .description("verify every image of build files, and write them with digests")
    .argument("<file...>", "LinuxKit yaml, Dockerfile, Compose file or plain list; - for standard input")
    .option("--lock <file>", `the lock file (default: ${usualLock}; a filter writes it only if it is named)`)
    .option("--check", "offline: compare the files with the lock, and the lock with the clock")
    .option("--update", "accept what moved since the last lock, after showing it")
    .option("--allow-local", "let @pkg: templates through, unverified")
    .option(
      `${helperPlace} <reference>`,
      "verify and lock this image too, such as one that LinuxKit runs to write its output; may be repeated",
      collect,
      [],
    )
    .option(
      "--arg <name=value>",
      "value of a variable in Dockerfiles and Compose files; may be repeated",
      collect,
      [],
    )
    .option("--format <format>", `how to read the files: ${formats.join(", ")}`)
    .option(
      "--timeout <seconds>",
      `for everything together; then nothing is written (default: ${usualTimeout})`,
    )
    .option("--json", "print a document instead of sentences");
  addTrustFlags(command).action(async (files: readonly string[], flags: LockFlags) => {
    if (flags.check === true && flags.update === true)
      throw new UsageError("--check changes nothing and --update does: give one of them.");
    const run = new LockRun(context, flags);
    finish(await (flags.check === true ? run.check(files) : run.lock(files)));
  });
}

class LockRun {
  readonly #context: ClientContext;
  readonly #flags: LockFlags;

  readonly #lockName: string;

  constructor(context: ClientContext, flags: LockFlags) {
    this.#context = context;
    this.#flags = flags;
    this.#lockName = flags.lock ?? usualLock;
  }

  get #reporting(): Reporting {
    return { context: this.#context, json: this.#flags.json === true };
  }

  async lock(files: readonly string[]): Promise<number> {
    seconds(this.#flags.timeout ?? usualTimeout, "--timeout");
    refuseLocked(files);
    this.#refuseOverlap(files);
    const { inputs, unread } = await this.#inputs(files);
    return await this.#beside(unread, () => this.#lockAll(inputs, unread));
  }

  /** Whatever else stops a run does not hide what is wrong with its files. */
  async #beside(unread: readonly Failure[], task: () => Promise<number>): Promise<number> {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof TrustError) || unread.length === 0) throw error;
      const text = error.reference ?? error.repository ?? error.file ?? "(all)";
      return this.#refuse([...unread, { file: text, place: "", line: 1, text, error }]);
    }
  }

  async #lockAll(inputs: readonly Input[], unread: readonly Failure[]): Promise<number> {
    const context = this.#context;
    const { helpers, update = false, allowLocal = false } = this.#flags;
    const timeout = seconds(this.#flags.timeout ?? usualTimeout, "--timeout");
    const atHand = await lockAtHand(this.#lockName);
    const previous = atHand?.lock;
    const progress = progressOn(context);
    const { lockInputs, LockRefused } = await import("../locking/locking.ts");
    const trust = await openTrust({
      ...trustOptions(this.#flags, context),
      onEvent: progress.onEvent,
      ...(previous === undefined ? {} : { lock: this.#lockName }),
    });
    try {
      refuseUnusedServer(this.#flags, trust.servers);
      const at = context.now();
      const nameOf = (file: string) => nameInLock(file, this.#lockName);
      const late = () =>
        new TrustError("TIMEOUT", `Not everything was verified within ${timeout / 1_000} s.`);
      const locked = await within(timeout, [], late, (signal) =>
        lockInputs(trust, { inputs, unread, previous, helpers, update, allowLocal, at, signal, nameOf }),
      );
      progress.end();
      sayMoved(this.#reporting, locked);
      await this.#write(locked, atHand?.text);
      const written = this.#writesLock(inputs) ? this.#lockName : undefined;
      sayLocked(this.#reporting, { inputs, locked, lock: written });
      return 0;
    } catch (error) {
      progress.end();
      if (!(error instanceof LockRefused)) throw error;
      return this.#refuse(error.failures);
    } finally {
      await trust.close();
    }
  }

  async check(files: readonly string[]): Promise<number> {
    const { inputs, unread } = await this.#inputs(files);
    return await this.#beside(unread, () => this.#checkAll(files, inputs, unread));
  }

  async #checkAll(
    files: readonly string[],
    inputs: readonly Input[],
    unread: readonly Failure[],
  ): Promise<number> {
    const lockName = this.#lockName;
    const lock = (await lockAtHand(lockName))?.lock;
    if (lock === undefined) {
      const remedy = { who: "you", next: absentLock(lockName, files.map(sourceName)) } as const;
      throw new TrustError("LOCK_MISSING", "The lock file is not there.", { file: lockName, remedy });
    }
    const beside = new Map<Input, { name: string; text: string | undefined }>();
    for (const input of inputs) {
      // A locked text is checked by its references alone; standard input has nothing beside it.
      if (input.file === "-" || isLockedName(input.file)) continue;
      const name = lockedName(input.file);
      beside.set(input, {
        name,
        text: (await isThere(name)) ? await readText(name, "locked file", largestInput * 4) : undefined,
      });
    }
    const { checkLock, unverifiedIn } = await import("../locking/check.ts");
    const { helpers } = this.#flags;
    const at = this.#context.now();
    const named = (file: string, names: readonly string[]) => isNamed(file, names, lockName);
    const request = { inputs, lock, lockName, isNamed: named, helpers, beside, at };
    const failures = [...unread, ...checkLock(request)];
    if (failures.length > 0) return this.#refuse(failures);
    sayChecked(this.#reporting, { inputs, lock, unverified: unverifiedIn(inputs, lock) });
    return 0;
  }

  /** What can be read, and what is wrong with the other files: everything is told in one run. */
  async #inputs(files: readonly string[]): Promise<{ inputs: readonly Input[]; unread: readonly Failure[] }> {
    const format = formatOf(this.#flags.format);
    if (files.includes("-") && files.length > 1)
      throw new UsageError("Lock standard input alone, without other files.");
    if (new Set(files).size !== files.length) throw new UsageError("Name each file once.");
    const { readInput } = await import("../inputs/read.ts");
    const args = argsOf(this.#flags.arg);
    const inputs: Input[] = [];
    const unread: Failure[] = [];
    for (const file of files) {
      try {
        const text =
          file === "-" ? await this.#context.stdin(largestInput) : await readText(file, "file", largestInput);
        inputs.push(await readInput(file, text, { format, args }));
      } catch (error) {
        if (!(error instanceof TrustError)) throw error;
        unread.push({ file, place: "", line: error.line ?? 1, text: file, error });
      }
    }
    return { inputs, unread };
  }

  /** No file that is read is written, and none is written twice. */
  #refuseOverlap(files: readonly string[]): void {
    const given = files.filter((file) => file !== "-");
    const read = new Map(given.map((file) => [resolve(file), file]));
    if (read.size !== given.length) throw new UsageError("Name each file once.");
    const written = new Set<string>();
    for (const [output, source] of [
      ...given.map((file) => [lockedName(file), file] as const),
      [this.#lockName, "the lock"] as const,
    ]) {
      const path = resolve(output);
      if (read.has(path) || written.has(path))
        throw new UsageError(
          `${output} would be overwritten with what is made of ${source}: name only one of them.`,
        );
      written.add(path);
    }
  }

  async #write({ texts, lock }: Locked, before: string | undefined): Promise<void> {
    const files = [...texts]
      .filter(([{ file }]) => file !== "-")
      .map(([{ file }, text]): [string, string] => [lockedName(file), text]);
    if (this.#writesLock(texts.keys())) files.push([this.#lockName, encodeLock(lock)]);
    await writeOutputs({ lockName: this.#lockName, before, files });
    for (const [{ file }, text] of texts)
      if (file === "-" && this.#flags.json !== true) this.#context.stdout(text);
  }

  /** A filter leaves no files behind, unless one is named. */
  #writesLock(inputs: Iterable<Input>): boolean {
    return this.#flags.lock !== undefined || [...inputs].some(({ file }) => file !== "-");
  }

  #refuse(failures: readonly Failure[]): number {
    const refused = failures.map(({ file, line, place, text, error }): Refused => {
      // A whole file is its own place.
      if (place === "") return { subject: text, error };
      return { subject: text, where: place === helperPlace ? place : `${file}:${line}, ${place}`, error };
    });
    return reportRefused(this.#context, refused, this.#flags.json === true);
  }
}

/** What `lock` writes is no input of it: locked again, its text would stand beside one that nobody builds from. */
function refuseLocked(files: readonly string[]): void {
  const [locked] = files.filter(isLockedName);
  if (locked !== undefined)
    throw new UsageError(`${locked} is called like what lock writes: name the file that it is made of.`);
}

function formatOf(text: string | undefined): InputFormat | undefined {
  const format = formats.find((each) => each === text);
  if (text !== undefined && format === undefined)
    throw new UsageError(`--format takes one of ${formats.join(", ")}.`);
  return format;
}

function argsOf(pairs: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    pairs.map((pair): [string, string] => {
      const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw new UsageError("--arg takes NAME=VALUE.");
      return [name, value];
    }),
  );
}
