/**
 * Several custodies as one, in their order. A key that is in two of them is one key, and opened where it comes first.
 *
 * A place that cannot be read hides no other: what is wrong with it is a fault, told beside what was found. Where a key is not
 * found that a fault may hide, the fault is what is told.
 */
import { isHex } from "../../core/bytes.ts";
import type { Custody, KeyInfo, OpenKey, Unlocking } from "./custody.ts";
import { hiding, KeyError } from "./errors.ts";

/** Digits of an ID that a person must give at least. */
export const shortestPrefix = 8;
const mostNamed = 10;

export interface FoundKey<C extends Custody = Custody> {
  readonly info: KeyInfo;
  readonly custody: C;
}

export interface Survey<C extends Custody = Custody> {
  /** In the order of the places; a key in two of them twice. */
  readonly found: readonly FoundKey<C>[];
  readonly faults: readonly KeyError[];
}

export class Keyring<C extends Custody = Custody> implements Custody {
  readonly #custodies: readonly C[];
  readonly #met = new Map<string, KeyError>();

  constructor(custodies: readonly C[]) {
    this.#custodies = custodies;
  }

  async survey(): Promise<Survey<C>> {
    const all = await Promise.all(this.#custodies.map(surveyOf));
    const faults = all.flatMap((each) => each.faults);
    for (const fault of faults) this.#met.set(fault.message, fault);
    return { found: all.flatMap(({ found }) => found), faults };
  }

  /** Every fault that was met so far, each once. */
  get met(): readonly KeyError[] {
    return [...this.#met.values()];
  }

  async list(): Promise<readonly KeyInfo[]> {
    return (await this.survey()).found.map(({ info }) => info);
  }

  async faults(): Promise<readonly KeyError[]> {
    return (await this.survey()).faults;
  }

  /**
   * The key that a person means by a name, an ID, or at least eight digits with which one ID alone begins.
   * Throws `KEY_UNKNOWN`; `KEY_AMBIGUOUS` with the candidates; the fault of a file or place that may be why it is not found.
   */
  async find(text: string): Promise<FoundKey<C>> {
    const { found, faults } = await this.survey();
    const prefix = /^[0-9a-fA-F]{8,64}$/.test(text) ? text.toLowerCase() : undefined;
    const meant = found.filter(
      ({ info }) =>
        (prefix !== undefined && info.id.startsWith(prefix)) || (text !== "" && info.name === text),
    );
    const [first] = meant;
    if (first === undefined) throw notFound(text, prefix, faults);
    if (meant.some(({ info }) => info.id !== first.info.id)) throw ambiguous(text, meant);
    return first;
  }

  /** @param id also a prefix or a name, as for `find`. Throws what `find` and the place of the key throw. */
  async open(id: string, unlocking: Unlocking): Promise<OpenKey> {
    const { info, custody } = await this.find(id);
    return await custody.open(info.id, unlocking);
  }

  async close(): Promise<void> {
    await Promise.all(this.#custodies.map((each) => each.close()));
  }
}

async function surveyOf<C extends Custody>(custody: C): Promise<Survey<C>> {
  try {
    const found = (await custody.list()).map((info) => ({ info, custody }));
    return { found, faults: (await custody.faults?.()) ?? [] };
  } catch (error) {
    if (error instanceof KeyError) return { found: [], faults: [error] };
    throw error;
  }
}

function notFound(text: string, prefix: string | undefined, faults: readonly KeyError[]): KeyError {
  const said = text.slice(0, 100).replaceAll(/\p{C}/gu, "?");
  const what = isHex(text, 32) ? `key ${said}` : `key that is called ${said}`;
  // A damaged file says no name, so it may have any.
  const fault =
    prefix === undefined
      ? hiding(
          faults.filter(({ code }) => code !== "KEY_UNSUPPORTED"),
          () => true,
        )
      : hiding(faults, (id) => id.startsWith(prefix));
  if (fault !== undefined) {
    const { code, message, cause, about } = fault;
    return new KeyError(code, `There is no ${what} among those that can be read. ${message}`, cause, about);
  }
  const isShort = /^[0-9a-f]*$/i.test(text) && text.length < shortestPrefix;
  const digits = isShort ? `, and an ID needs at least ${shortestPrefix} of its digits` : "";
  return new KeyError("KEY_UNKNOWN", `There is no ${what}${digits}: see vidimus key list.`);
}

function ambiguous(text: string, meant: readonly FoundKey[]): KeyError {
  const ids = [...new Map(meant.map(({ info }) => [info.id, info])).values()];
  const named = ids.slice(0, mostNamed).map(({ id, name, place }) => `${id} (${name === "" ? place : name})`);
  const more = ids.length > mostNamed ? ` and ${ids.length - mostNamed} more` : "";
  return new KeyError(
    "KEY_AMBIGUOUS",
    `${text.slice(0, 100)} may be ${named.join(", ")}${more}: say more of the ID.`,
  );
}
