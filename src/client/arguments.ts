/** Arguments of the library's functions: a call that makes no sense ends with a `TypeError` that names the argument. */

/** @param name the function and the argument: `resolve: reference` */
export function demandText(value: unknown, name: string): asserts value is string {
  if (typeof value !== "string") throw mistaken(name, "a text", value);
}

export function demandTexts(value: unknown, name: string): asserts value is readonly string[] {
  if (!Array.isArray(value)) throw mistaken(name, "a list of texts", value);
}

export function demandObject(value: unknown, name: string, what: string): asserts value is object {
  if (typeof value !== "object" || value === null) throw mistaken(name, what, value);
}

/** What `lookUp` and `verifyFile` are asked. */
export function demandQuestion(
  value: unknown,
  name: string,
): asserts value is { readonly repository: string; readonly target: string } {
  demandObject(value, name, "an object with the texts repository and target");
  const { repository, target } = value as { repository?: unknown; target?: unknown };
  demandText(repository, `${name}.repository`);
  demandText(target, `${name}.target`);
}

export function mistaken(name: string, what: string, value: unknown): TypeError {
  const kind = value === null ? "null" : Array.isArray(value) ? "a list" : typeof value;
  return new TypeError(`${name} must be ${what}, and is ${kind === "string" ? "a text" : kind}.`);
}
