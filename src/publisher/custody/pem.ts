/** PEM as the stock clients write it: headers behind the first line, such as `role: targets`. */

export interface PemBlock {
  /** What stands behind BEGIN. */
  readonly label: string;
  readonly headers: ReadonlyMap<string, string>;
  /** The caller's to wipe where it is a key in the clear. */
  readonly body: Buffer;
}

const block =
  /-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n((?:[A-Za-z-]{1,32}:[^\r\n]*\r?\n)*)(?:[ \t]*\r?\n)?([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

/** Every block of a text; what stands between them is left out, as by every reader of PEM. */
export function readPem(text: string): readonly PemBlock[] {
  return [...text.matchAll(block)].map(([, label = "", headers = "", base64 = ""]) => ({
    label,
    headers: new Map(headers.split(/\r?\n/).flatMap(headerOf)),
    body: Buffer.from(base64, "base64"),
  }));
}

function headerOf(line: string): [string, string][] {
  const colon = line.indexOf(":");
  return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()]];
}

/** The text is made of what is given: nothing of a key in the clear may be left in it unless that is wanted. */
export function writePem(
  label: string,
  headers: readonly (readonly [string, string])[],
  body: Buffer,
): string {
  const lines = body.toString("base64").match(/.{1,64}/g) ?? [];
  const head = headers.map(([name, value]) => `${name}: ${value}`);
  return [
    `-----BEGIN ${label}-----`,
    ...head,
    ...(head.length > 0 ? [""] : []),
    ...lines,
    `-----END ${label}-----`,
    "",
  ].join("\n");
}
