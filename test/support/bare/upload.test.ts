import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/http/budget.ts";
import { withUpload } from "../../../src/http/upload.ts";
import type { UploadedFile } from "../../../src/service/service.ts";
import { httpsServer } from "../https-server.ts";
import { upload } from "./upload.ts";

const bounds = { uploadBytes: 1_000_000, uploadFiles: 10 };

describe("upload", () => {
  it("sends every file under its whole role, byte for byte", async () => {
    const received: UploadedFile[] = [];
    const server = await httpsServer((request, response) => {
      const keep = async (files: readonly UploadedFile[]) => {
        received.push(...files);
      };
      void withUpload(request, bounds, new ByteBudget(1_000_000), keep).then(() => response.end());
    });
    const bytes = Buffer.from([0, 13, 10, 45, 45, 255]);
    const files = new Map([
      ["root", Buffer.from("{}")],
      ["targets/a/root", bytes],
    ]);
    await upload(server, "a/b", files);
    expect(received).toEqual([
      { role: "root", bytes: Buffer.from("{}") },
      { role: "targets/a/root", bytes },
    ]);
  });

  it("fails with the server's code and words", async () => {
    const server = await httpsServer((request, response) => {
      request.resume();
      response.writeHead(400, { "vidimus-code": "ROLLBACK" }).end('{"errors":[]}');
    });
    await expect(upload(server, "a/b", new Map([["root", Buffer.from("{}")]]))).rejects.toMatchObject({
      code: "REFUSED",
      answer: { status: 400, code: "ROLLBACK", bytes: Buffer.from('{"errors":[]}') },
    });
  });
});
