/** Uploads as bytes, right ones and wrong ones. */
import type { Files } from "./publisher.ts";

export const boundary = "vidimus-test-boundary";

export interface Part {
  /** Without the empty line. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | string;
}

export function part(role: string, body: Uint8Array | string): Part {
  return {
    headers: [
      `Content-Disposition: form-data; name="files"; filename="${role}"`,
      "Content-Type: application/octet-stream",
    ],
    body,
  };
}

export function parts(files: Files): Part[] {
  return [...files].map(([role, bytes]) => part(role, bytes));
}

export function multipart(all: readonly Part[], mark = boundary): Buffer {
  const chunks = all.flatMap(({ headers, body }) => [
    Buffer.from(`--${mark}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`, "latin1"),
    Buffer.from(body),
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...chunks, Buffer.from(`--${mark}--\r\n`)]);
}

export const multipartType = `multipart/form-data; boundary=${boundary}`;

/** A publish, for `request`. */
export function uploadOf(files: Files) {
  return { method: "POST", headers: { "content-type": multipartType }, body: multipart(parts(files)) };
}
