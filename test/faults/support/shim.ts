/**
 * The test's side of `shim/faults.c`: what the server's process is told of time, files and syncs.
 *
 * One shim is one control file, which lives as long as the test and is read by every process that is started with
 * `env`; so what is set here holds at once, and across a restart.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

/** Linux's numbers, the same on every architecture that Node runs on. */
const errors = { EINTR: 4, EIO: 5, EMFILE: 24, ENOSPC: 28, EROFS: 30 } as const;
const calls = { write: 1, sync: 2, open: 4, rename: 8, truncate: 16 } as const;

export type Call = keyof typeof calls;

export interface Failure {
  readonly calls: readonly Call[];
  readonly error: keyof typeof errors;
  /** So many go through first. */
  readonly skip?: number;
  /** So many fail; all without. */
  readonly count?: number;
  /** Part of the path. */
  readonly name?: string;
}

/** `struct control`. */
const size = 104;
const offsets = {
  clock: 0,
  swallow: 8,
  calls: 12,
  error: 16,
  skip: 20,
  count: 24,
  failed: 28,
  name: 32,
  steps: 96,
  kill: 100,
} as const;

export class Shim {
  readonly #directory = mkdtempSync(join(tmpdir(), "vidimus-shim-"));
  readonly #file: number;
  readonly #under: string;
  readonly trace = join(this.#directory, "trace");
  #offset = 0;

  /** @param under the directory whose files are meant */
  constructor(under: string) {
    this.#under = under;
    const path = join(this.#directory, "control");
    writeFileSync(path, Buffer.alloc(size));
    this.#file = openSync(path, "r+");
  }

  /** @param traced whether what reaches the files is written down in `trace` */
  env(traced = false): Record<string, string> {
    return {
      LD_PRELOAD: inject("shim"),
      VIDIMUS_SHIM_CONTROL: join(this.#directory, "control"),
      VIDIMUS_SHIM_UNDER: this.#under,
      ...(traced && { VIDIMUS_SHIM_TRACE: this.trace }),
    };
  }

  /** The server's clock against this process's, in milliseconds. */
  get clockOffset(): number {
    return this.#offset;
  }

  set clockOffset(milliseconds: number) {
    this.#offset = milliseconds;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(milliseconds));
    writeSync(this.#file, bytes, 0, 8, offsets.clock);
  }

  /** The instant that the server takes for now. */
  readonly now = (): number => Date.now() + this.#offset;

  /** Every sync is answered as done, and none is made. */
  swallowSyncs(on: boolean): void {
    this.#put(offsets.swallow, on ? 1 : 0);
  }

  /** From now on these calls fail. */
  fail({ calls: which, error, skip = 0, count = -1, name = "" }: Failure): void {
    this.heal();
    writeSync(this.#file, Buffer.from(name.padEnd(64, "\0")), 0, 64, offsets.name);
    this.#put(offsets.failed, 0);
    this.#put(offsets.skip, skip);
    this.#put(offsets.count, count);
    this.#put(
      offsets.calls,
      which.reduce((sum, call) => sum + calls[call], 0),
    );
    this.#put(offsets.error, errors[error]);
  }

  /** From now on none fails. */
  heal(): void {
    this.#put(offsets.error, 0);
  }

  /** How many calls have failed since `fail`. */
  get failed(): number {
    return this.#get(offsets.failed);
  }

  /**
   * From now on steps are counted: what changes a file or goes to a server. At the one with this number, counted from 1, the
   * process is killed before it takes it; 0: at none.
   */
  killAt(step: number): void {
    this.#put(offsets.steps, 0);
    this.#put(offsets.kill, step);
  }

  /** How many were begun since `killAt`. */
  get steps(): number {
    return this.#get(offsets.steps);
  }

  dispose(): void {
    closeSync(this.#file);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #get(offset: number): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#file, bytes, 0, 4, offset);
    return bytes.readInt32LE();
  }

  #put(offset: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    writeSync(this.#file, bytes, 0, 4, offset);
  }
}
