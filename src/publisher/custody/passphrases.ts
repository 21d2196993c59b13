/**
 * Where passphrases and PINs come from, and how long they are kept.
 *
 * In this order, the first that opens the key:
 *
 *   1. what the caller names, a file or a descriptor: then nothing else
 *   2. what opened this key before in this process, then what opened others
 *   3. the file that VIDIMUS_PASSPHRASE_FILE names
 *   4. the variables of the stock clients for the key's role (notary-protocol.md 7.2)
 *   5. a person, who is asked three times
 *
 * Never an argument of the command line, which every user of the machine sees. Of a PIN nothing is guessed: only 1, what
 * opened the same device before, and 5. What was read is kept until `close`, so that one unlocking serves for many
 * signatures, and then wiped; what a person typed was text before, which nobody can wipe.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { isHex } from "../../core/bytes.ts";
import type { KeyInfo, Secret, Unlocking } from "./custody.ts";
import { KeyError } from "./errors.ts";

/** At a prompt, as the stock clients have it. */
export const shortestPassphrase = 8;
const longest = 1_024;
const mostPrompts = 3;
const longestQuestion = 400;
/** Each guess costs half a second. */
const mostGuesses = 4;

export interface PassphraseSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks a person and shows nothing of the answer; undefined where nobody may be asked. Rejects when they give up. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly named?: PassphraseSource | undefined;
}

/** A path, or the number of an open descriptor. */
export type PassphraseSource = { readonly file: string } | { readonly descriptor: number };

interface Kept {
  readonly bytes: Buffer;
  /** The keys, or devices, that it is taken to open. */
  readonly opens: Set<string>;
}

export class Passphrases implements Unlocking {
  readonly #sources: PassphraseSources;
  readonly #kept: Kept[] = [];
  readonly #read = new Map<string, Buffer>();
  /** The person who was asked wants no more questions. */
  #gaveUp = false;
  readonly #running = new Map<string, { readonly next: AsyncGenerator<Buffer>; last: Buffer | undefined }>();

  constructor(sources: PassphraseSources) {
    this.#sources = sources;
  }

  /** A copy, which the receiver wipes. Throws `PASSPHRASE_MISSING` for a source that is named and cannot be read. */
  async secret(key: KeyInfo, attempt: number): Promise<Secret | undefined> {
    const subject = subjectOf(key);
    if (attempt === 1) this.#running.set(subject, { next: this.#candidates(key), last: undefined });
    const running = this.#running.get(subject);
    if (running === undefined) return undefined;
    if (running.last !== undefined) this.#forget(running.last, subject);
    const { value, done } = await running.next.next();
    if (done === true) {
      running.last = undefined;
      return undefined;
    }
    running.last = value;
    this.#keep(value, subject);
    return Buffer.from(value);
  }

  /**
   * The passphrase of a key that is made, which the receiver wipes: what is named, or the variables, or asked for twice.
   * Throws `PASSPHRASE_MISSING`, or `PASSPHRASE_WRONG` if what was typed is too short or not the same twice.
   */
  async fresh(what: string, role: string | undefined): Promise<Secret> {
    const { named } = this.#sources;
    const [given] = named === undefined ? this.#ofEnvironment(role) : [this.#readOnce(named)];
    return given === undefined ? await this.#typedTwice(what) : Buffer.from(given);
  }

  /** One that takes the place of another: the variables and what is named for the old one say nothing of it. Throws as `fresh`. */
  async replacement(what: string, named: PassphraseSource | undefined): Promise<Secret> {
    return named === undefined ? await this.#typedTwice(what) : Buffer.from(this.#readOnce(named));
  }

  /** Wipes all that was kept. Idempotent. */
  close(): void {
    for (const { bytes } of this.#kept.splice(0)) bytes.fill(0);
    for (const bytes of this.#read.values()) bytes.fill(0);
    this.#read.clear();
    this.#running.clear();
  }

  async #typedTwice(what: string): Promise<Secret> {
    const first = await this.#ask(`New passphrase of ${what}:`);
    if (first === undefined) throw missing(`There is no new passphrase for ${what}`);
    try {
      if ([...first.toString()].length < shortestPassphrase) {
        throw new KeyError(
          "PASSPHRASE_WRONG",
          `A passphrase has at least ${shortestPassphrase} characters: begin again.`,
        );
      }
      const second = await this.#ask("Once more:");
      const isSame = second !== undefined && first.equals(second);
      second?.fill(0);
      if (!isSame) throw new KeyError("PASSPHRASE_WRONG", "The two passphrases differ: begin again.");
      return Buffer.from(first);
    } finally {
      first.fill(0);
    }
  }

  /** Each once, in the order of trying. */
  async *#candidates(key: KeyInfo): AsyncGenerator<Buffer> {
    const tried: Buffer[] = [];
    const isNew = (bytes: Buffer) => !tried.some((each) => each.equals(bytes)) && tried.push(bytes) > 0;
    for (const bytes of this.#atHand(key)) if (isNew(bytes)) yield bytes;
    if (this.#sources.named !== undefined) return;
    for (let asked = 0; asked < mostPrompts; asked++) {
      const typed = await this.#ask(questionOf(key, asked > 0 || tried.length > 0));
      if (typed === undefined) return;
      if (isNew(typed)) yield typed;
    }
  }

  #atHand(key: KeyInfo): readonly Buffer[] {
    const { named } = this.#sources;
    if (named !== undefined) return [this.#readOnce(named)];
    const subject = subjectOf(key);
    const own = this.#kept.filter(({ opens }) => opens.has(subject)).map(({ bytes }) => bytes);
    if (key.passphrase !== true) return own;
    const others = this.#kept.filter(({ opens }) => !opens.has(subject)).map(({ bytes }) => bytes);
    return [...own, ...others.slice(-mostGuesses).reverse(), ...this.#ofEnvironment(key.role)];
  }

  #ofEnvironment(role: string | undefined): readonly Buffer[] {
    const { env } = this.#sources;
    const file = env.VIDIMUS_PASSPHRASE_FILE ?? "";
    const values = variablesOf(role).flatMap((name) => {
      const value = env[name] ?? "";
      return value === "" ? [] : [Buffer.from(value)];
    });
    return [...(file === "" ? [] : [this.#readOnce({ file })]), ...values];
  }

  /** A descriptor is used up by reading it. */
  #readOnce(source: PassphraseSource): Buffer {
    const name = "file" in source ? `file ${source.file}` : `descriptor ${source.descriptor}`;
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const bytes = readPassphrase(source, name);
    this.#read.set(name, bytes);
    return bytes;
  }

  /** Nothing typed is no answer. Whoever gives up is asked no more, of however many keys. */
  async #ask(question: string): Promise<Buffer | undefined> {
    if (this.#gaveUp) return undefined;
    try {
      const typed = await this.#sources.ask?.(question);
      return typed === undefined || typed === "" ? undefined : Buffer.from(typed);
    } catch {
      this.#gaveUp = true;
      return undefined;
    }
  }

  #keep(bytes: Buffer, subject: string): void {
    const known = this.#kept.find((each) => each.bytes.equals(bytes));
    if (known !== undefined) known.opens.add(subject);
    else this.#kept.push({ bytes, opens: new Set([subject]) });
  }

  /** It did not open what it was given for. */
  #forget(bytes: Buffer, subject: string): void {
    const index = this.#kept.findIndex((each) => each.bytes.equals(bytes));
    const known = this.#kept[index];
    known?.opens.delete(subject);
    if (known?.opens.size === 0) this.#kept.splice(index, 1);
  }
}

/** Keys of one device open by one PIN. */
function subjectOf({ id, place, passphrase }: KeyInfo): string {
  return passphrase === true ? id : place;
}

/** The variables that the stock clients read for a role: `notary`, then `docker`. */
function variablesOf(role: string | undefined): readonly string[] {
  if (role === "root") return ["NOTARY_ROOT_PASSPHRASE", "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"];
  const ofRole =
    role === "targets" || role === "snapshot"
      ? `NOTARY_${role.toUpperCase()}_PASSPHRASE`
      : "NOTARY_DELEGATION_PASSPHRASE";
  return [ofRole, "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"];
}

function questionOf({ id, name, role, repository, place, passphrase }: KeyInfo, again: boolean): string {
  const before = again ? "That does not open it. " : "";
  if (passphrase !== true) return `${before}PIN of ${place}:`;
  const words = [
    name === "" ? shortId(id) : `${name} (${shortId(id)})`,
    ...(role === undefined ? [] : [repository === undefined ? role : `${role} of ${repository}`]),
  ];
  // What files say of keys may be anything, and a terminal must not obey it.
  return `${before}Passphrase of the key ${words.join(", ").slice(0, longestQuestion).replaceAll(/\p{C}/gu, "?")}:`;
}

/** What stands for an ID that is not known yet is a word for people already. */
function shortId(id: string): string {
  return isHex(id, 32) ? id.slice(0, 12) : id;
}

/** Without the line's end. Throws `PASSPHRASE_MISSING`. */
function readPassphrase(source: PassphraseSource, name: string): Buffer {
  const buffer = Buffer.alloc(longest + 3);
  let length = 0;
  try {
    const file = "file" in source ? openSync(source.file, "r") : source.descriptor;
    try {
      for (let count = -1; count !== 0 && length < buffer.length; length += count) {
        count = readSync(file, buffer, length, buffer.length - length, null);
      }
    } finally {
      closeSync(file);
    }
    const end = endOf(buffer, length);
    if (end === 0) throw missing(`The passphrase's ${name} is empty`);
    if (end > longest) throw missing(`The passphrase's ${name} holds more than ${longest} bytes`);
    return Buffer.from(buffer.subarray(0, end));
  } catch (error) {
    if (error instanceof KeyError) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw missing(`The passphrase's ${name} cannot be read (${why})`, error);
  } finally {
    buffer.fill(0);
  }
}

function endOf(buffer: Buffer, length: number): number {
  if (buffer[length - 1] !== 0x0a) return length;
  return buffer[length - 2] === 0x0d ? length - 2 : length - 1;
}

function missing(what: string, cause?: unknown): KeyError {
  return new KeyError(
    "PASSPHRASE_MISSING",
    `${what}: give one at a terminal, or in a file that a flag or VIDIMUS_PASSPHRASE_FILE names.`,
    cause,
  );
}
