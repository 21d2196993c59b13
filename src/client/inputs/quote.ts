/**
 * A locked reference in the syntax of the place where it goes.
 *
 * No reference has a space, a quote, a backslash, `$`, `#`, `,` or a brace, so it never ends the text around it and
 * is never interpolated. Anything else given to these functions is a mistake in calling them (`TypeError`).
 */

const reference = /^[A-Za-z0-9[][A-Za-z0-9._/:@[\]-]*$/;
/** What YAML reads as a plain string, in a block and in a flow collection. */
const plain = /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/;
/** What a reader of YAML 1.1 or 1.2 may take for a number, a date, a truth value or nothing. */
const notText = /^(?:[\d.][\d.:_a-fox-]*|[\d.]+e[\d-]+|y|n|yes|no|on|off|true|false|null|nan|inf)$/i;

/** The text itself, if it can be a reference. */
export function bare(text: string): string {
  if (!reference.test(text)) throw new TypeError(`${JSON.stringify(text)} is no image reference`);
  return text;
}

/** As a plain scalar, or in double quotes where YAML would read it as something else. */
export function plainScalar(text: string): string {
  return plain.test(bare(text)) && !text.endsWith(":") && !notText.test(text) ? text : `"${text}"`;
}

export function doubleQuoted(text: string): string {
  return `"${bare(text)}"`;
}

export function singleQuoted(text: string): string {
  return `'${bare(text)}'`;
}
