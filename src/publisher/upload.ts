/** A publication as it is sent: one multipart body, one part a file, the role in the file name (notary-protocol.md 1.4). */

export interface Body {
  readonly type: string;
  readonly bytes: Buffer;
}

/** `files`: role → exact bytes. */
export async function encodeUpload(files: ReadonlyMap<string, Buffer>): Promise<Body> {
  const form = new FormData();
  for (const [role, bytes] of files) form.append("files", new Blob([new Uint8Array(bytes)]), role);
  const encoded = new Response(form);
  return {
    type: encoded.headers.get("content-type") ?? "",
    bytes: Buffer.from(await encoded.arrayBuffer()),
  };
}
