/**
 * `ARG` before the first `FROM`: the only variables that `FROM` knows.
 *
 * A value that was given counts if the argument is declared. What depends on the platform of a build has a value only if
 * it was given. A default that takes more than variables and one pair of quotes to read has no value here.
 */
import { interpolate, type Lookup, Unresolved } from "./interpolate.ts";

const byPlatform = /^(?:BUILD|TARGET)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)$|^TARGETSTAGE$/;
const plainValue = /^[\x20-\x7e]*$/;

export class GlobalArgs {
  readonly #given: ReadonlyMap<string, string>;
  /** A sentence instead of a value says why there is none. */
  readonly #values = new Map<string, string | Unresolved>();

  /** What stands behind an `ARG` with escapes or with quotes that do not end. */
  readonly #uncut: string[] = [];

  constructor(given: ReadonlyMap<string, string>) {
    this.#given = given;
  }

  /** `words` is what stands behind `ARG`. What cannot be cut into words leaves the names in it without a value. */
  declare(words: string, escapeChar: "\\" | "`"): void {
    if (words.includes(escapeChar) || /["']/.test(words.replace(/"[^"]*"|'[^']*'/g, "")))
      this.#uncut.push(words);
    for (const word of words.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/gu) ?? []) {
      const equals = word.indexOf("=");
      const name = equals === -1 ? word : word.slice(0, equals);
      const given = this.#given.get(name);
      if (given !== undefined) this.#values.set(name, given);
      else if (equals !== -1) this.#values.set(name, this.#default(name, word.slice(equals + 1)));
    }
  }

  readonly lookup: Lookup = (name) => {
    if (this.#uncut.some((words) => words.includes(name))) {
      throw new Unresolved(`The argument ${name} is declared in a way that is not read here.`);
    }
    const given = byPlatform.test(name) ? this.#given.get(name) : undefined;
    const value = this.#values.get(name) ?? given;
    if (value === undefined && byPlatform.test(name)) throw dependsOnPlatform(name);
    if (value instanceof Unresolved) throw value;
    return value;
  };

  #default(name: string, written: string): string | Unresolved {
    if (byPlatform.test(name)) return dependsOnPlatform(name);
    const quote = /^(["'])(.*)\1$/s.exec(written);
    const inner = quote?.[2] ?? written;
    if (/["']/.test(inner) || !plainValue.test(inner)) {
      return new Unresolved(`The default of ${name} is quoted in a way that is not read here.`);
    }
    if (quote?.[1] === "'") return inner;
    try {
      return interpolate(inner, this.lookup);
    } catch (error) {
      if (error instanceof Unresolved) return error;
      throw error;
    }
  }
}

function dependsOnPlatform(name: string): Unresolved {
  return new Unresolved(`The variable ${name} depends on the platform of the build.`);
}
