/**
 * Uploads as bytes: every form that is read, every form that is refused (notary-protocol.md 1.4; threats M1 to M6).
 * Long, since it is a table of forms.
 */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../support/client.ts";
import { statusOf } from "../support/client.ts";
import { boundary, multipart, multipartType, type Part, part, parts } from "../support/multipart.ts";
import type { Owner } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/upload";
const limit = 256 * 1024;

let server: TestServer;
let owner: Owner;

beforeAll(async () => {
  server = await startServer({ limits: { uploadBytes: limit, uploadFiles: 200 } });
  owner = await server.owner(repository);
  owner.delegate("targets/releases");
  await server.publish(repository, owner.first());
});
afterAll(async () => await server.close());

/** The answer's status, the API's code and ours. */
function verdict({ status, error, code }: Answer): readonly unknown[] {
  return [status, error?.code, code];
}

function send(body: Uint8Array, headers?: Record<string, string>): Promise<Answer> {
  return server.upload(repository, body, headers ?? { "content-type": multipartType });
}

const sendParts = (all: readonly Part[]) => send(multipart(all));

/** One good part with its headers written otherwise. */
function disposed(...headers: string[]): Part[] {
  const [only] = parts(owner.next("targets"));
  return [{ headers, body: only?.body ?? "" }];
}

const malformed = [400, "MALFORMED_UPLOAD", "BAD_UPLOAD"];
const noFilename = [400, "NO_FILENAME", "NO_FILENAME"];

describe("read", () => {
  test.each([0, 1, 2])("checklist 4: parts in any order (%i)", async (turn) => {
    const all = parts(owner.next("root", "targets", "targets/releases"));
    const turned = [...all.slice(turn), ...all.slice(0, turn)].reverse();
    expect((await sendParts(turned)).status).toBe(200);
  });

  test("checklist 4, N7: the role is the whole file name", async () => {
    const files = owner.next("targets/releases");
    await sendParts(parts(files));
    expect((await server.file(repository, "targets/releases.json")).body).toEqual(
      files.get("targets/releases"),
    );
  });

  test("a .json at the end of the file name is cut off", async () => {
    const [only] = [...owner.next("targets").values()];
    expect((await sendParts([part("targets.json", only as Buffer)])).status).toBe(200);
  });

  test("checklist 4: the field's name is ignored, and may be absent", async () => {
    for (const field of ['name="other"; ', "", 'name="root"; ']) {
      const answer = await sendParts(disposed(`Content-Disposition: form-data; ${field}filename="targets"`));
      expect(answer.status).toBe(200);
    }
  });

  test("checklist 4, M4: an uploaded timestamp is ignored, whatever it holds", async () => {
    const answer = await sendParts([part("timestamp", "not even JSON"), ...parts(owner.next("targets"))]);
    expect(answer.status).toBe(200);
    expect(server.log.some((line) => line.includes("an uploaded timestamp was ignored"))).toBe(true);
  });

  test.each([
    `multipart/mixed; boundary=${boundary}`,
    `MULTIPART/FORM-DATA; boundary="${boundary}"`,
    `multipart/form-data;boundary=${boundary}`,
    `multipart/form-data; charset=utf-8; boundary=${boundary}; x=y`,
  ])("Content-Type: %s", async (type) => {
    const answer = await send(multipart(parts(owner.next("targets"))), { "content-type": type });
    expect(answer.status).toBe(200);
  });

  test("Content-Encoding: identity", async () => {
    const answer = await send(multipart(parts(owner.next("targets"))), {
      "content-type": multipartType,
      "content-encoding": "identity",
    });
    expect(answer.status).toBe(200);
  });

  test("M6: part headers that mean nothing here, in any case, and none of content type", async () => {
    const answer = await sendParts(
      disposed('CONTENT-disposition: form-data; FILENAME="targets"', "X-Other: 1", "Content-Length: 7"),
    );
    expect(answer.status).toBe(200);
  });

  test("preamble and epilogue", async () => {
    const body = multipart(parts(owner.next("targets")));
    const answer = await send(Buffer.concat([Buffer.from("hello\r\n"), body, Buffer.from("bye")]));
    expect(answer.status).toBe(200);
  });

  test("M6: a boundary of 70 characters", async () => {
    const mark = "b".repeat(70);
    const answer = await send(multipart(parts(owner.next("targets")), mark), {
      "content-type": `multipart/form-data; boundary=${mark}`,
    });
    expect(answer.status).toBe(200);
  });

  test("M6: a boundary that appears in the data, but not at the start of a line", async () => {
    owner.addTarget(`--${boundary}--`);
    expect((await sendParts(parts(owner.next("targets")))).status).toBe(200);
  });

  test("a chunked body, in pieces of one byte", async () => {
    const body = multipart(parts(owner.next("targets")));
    const chunks = [...body].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join("");
    const head = `POST /v2/${repository}/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Type: ${multipartType}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
    const answer = await server.raw(Buffer.from(`${head}${chunks}0\r\n\r\n`, "latin1"), { halfClose: false });
    expect(statusOf(answer)).toBe(200);
    await server.chainCheck(repository);
  });
});

describe("refused: the body", () => {
  test("M1: cut off at 500 places", async () => {
    const body = multipart(parts(owner.next("targets", "targets/releases")));
    owner.targets.version--;
    owner.role("targets/releases").version--;
    // Without its last line end the closing boundary is still whole.
    const whole = body.length - 2;
    const verdicts = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const answer = await send(body.subarray(0, Math.floor((i * whole) / 500)));
      verdicts.add(verdict(answer).slice(0, 2).join(" "));
    }
    expect([...verdicts].sort()).toEqual(["400 MALFORMED_UPLOAD"]);
  });

  test("M2: no parts", async () => {
    expect(verdict(await sendParts([]))).toEqual([400, "INVALID_UPDATE", "EMPTY_UPLOAD"]);
  });

  test("M2: only a preamble", async () => {
    expect(verdict(await send(Buffer.from("only a preamble\r\n")))).toEqual(malformed);
  });

  test("M2: nothing at all", async () => {
    expect(verdict(await send(Buffer.alloc(0)))).toEqual(malformed);
  });

  test("M2: only a timestamp", async () => {
    expect(verdict(await sendParts([part("timestamp", "{}")]))).toEqual([
      400,
      "INVALID_UPDATE",
      "EMPTY_UPLOAD",
    ]);
  });

  test("M3: one role twice", async () => {
    const [only] = parts(owner.files("targets"));
    expect(verdict(await sendParts([only as Part, only as Part]))).toEqual([
      400,
      "MALFORMED_UPLOAD",
      "DUPLICATE_ROLE",
    ]);
  });

  test("M3: one role twice, once with .json", async () => {
    const [only] = [...owner.files("targets").values()];
    const answer = await sendParts([part("targets", only as Buffer), part("targets.json", only as Buffer)]);
    expect(verdict(answer)).toEqual([400, "MALFORMED_UPLOAD", "DUPLICATE_ROLE"]);
  });

  test("M5: 100 uploads with an invalid first part and a large second are all answered", async () => {
    const body = multipart([part("foo", "{}"), part("targets", "x".repeat(200_000))]);
    const answers = await server.storesNothing(repository, () =>
      Promise.all(
        Array.from({ length: 100 }, () =>
          server.request(`/v2/${repository}/_trust/tuf/`, {
            method: "POST",
            headers: { "content-type": multipartType },
            body,
          }),
        ),
      ),
    );
    expect(new Set(answers.map((each) => verdict(each).join(" ")))).toEqual(
      new Set(["400 INVALID_ROLE BAD_ROLE_NAME"]),
    );
  });

  test("M6: 1001 parts", async () => {
    const all = Array.from({ length: 1_001 }, (_, i) => part(`targets/r${i}`, "{}"));
    expect(verdict(await sendParts(all))).toEqual(malformed);
  });

  test("M6: one part more than the limit", async () => {
    const all = Array.from({ length: 201 }, (_, i) => part(`targets/r${i}`, "{}"));
    expect(verdict(await sendParts(all))).toEqual(malformed);
  });

  test("V28: a body of the limit and one byte", async () => {
    const empty = multipart([part("targets", "")]).length;
    const answer = await sendParts([part("targets", "x".repeat(limit + 1 - empty))]);
    expect(verdict(answer)).toEqual([413, "UPLOAD_TOO_LARGE", "UPLOAD_TOO_LARGE"]);
  });

  test("a body of exactly the limit is read", async () => {
    const empty = multipart([part("targets", "")]).length;
    const answer = await sendParts([part("targets", "x".repeat(limit - empty))]);
    expect(verdict(answer)).toEqual([400, "MALFORMED_JSON", "NOT_JSON"]);
  });

  test("V28: a chunked body beyond the limit", async () => {
    const head = `POST /v2/${repository}/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Type: ${multipartType}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    const answer = await server.raw(`${head}${chunk.repeat(5)}0\r\n\r\n`, { halfClose: false });
    expect(statusOf(answer)).toBe(413);
  });

  test.each([
    ["gzip", gzipSync],
    ["deflate", (body: Buffer) => body],
    ["br", (body: Buffer) => body],
    ["zstd", (body: Buffer) => body],
    ["GZIP", gzipSync],
    ["identity, gzip", gzipSync],
  ])("V29, M11: Content-Encoding: %s", async (encoding, encode) => {
    const answer = await send(encode(multipart(parts(owner.files("targets")))), {
      "content-type": multipartType,
      "content-encoding": encoding,
    });
    expect(verdict(answer)).toEqual([415, "UNSUPPORTED_ENCODING", "UNSUPPORTED_ENCODING"]);
  });

  test("M6: lines that end in LF alone", async () => {
    const body = multipart(parts(owner.files("targets")))
      .toString("latin1")
      .replaceAll("\r\n", "\n");
    expect(verdict(await send(Buffer.from(body, "latin1")))).toEqual(malformed);
  });

  test("M6: multipart within multipart is a file that is not JSON", async () => {
    const inner = multipart(parts(owner.files("targets")), "inner");
    expect(verdict(await sendParts([part("targets", inner)]))).toEqual([400, "MALFORMED_JSON", "NOT_JSON"]);
  });

  test("M6: a transfer encoding", async () => {
    const [only] = [...owner.files("targets").values()];
    const answer = await sendParts([
      {
        headers: ['Content-Disposition: form-data; filename="targets"', "Content-Transfer-Encoding: base64"],
        body: (only as Buffer).toString("base64"),
      },
    ]);
    expect(verdict(answer)).toEqual(malformed);
  });

  test("the wrong boundary", async () => {
    const answer = await send(multipart(parts(owner.files("targets")), "another"));
    expect(verdict(answer)).toEqual(malformed);
  });
});

describe("refused: the content type", () => {
  test.each([
    "multipart/form-data",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary=""',
    `multipart/form-data; boundary=${"b".repeat(71)}`,
    'multipart/form-data; boundary="a\tb"',
    'multipart/form-data; boundary="ends with a blank "',
    'multipart/form-data; boundary="sharp#"',
    "application/json",
    "text/plain; boundary=vidimus-test-boundary",
    "multipart",
    "multipart/",
    "/form-data",
    "garbage",
    ";",
    "application/x-www-form-urlencoded",
  ])("V49: %s", async (type) => {
    const answer = await send(multipart(parts(owner.files("targets"))), { "content-type": type });
    expect(verdict(answer)).toEqual(malformed);
  });

  test("V49: none", async () => {
    expect(verdict(await send(multipart(parts(owner.files("targets"))), {}))).toEqual(malformed);
  });

  test.each([
    `\tmultipart/form-data; boundary=${boundary}`,
    `multipart/form-data\t; boundary=${boundary}`,
    `Multipart/Form-Data ; Boundary=${boundary}`,
  ])("V49: white space and case do not change the verdict (%j)", async (type) => {
    const answer = await send(multipart([part("foo", "{}")]), { "content-type": type });
    expect(verdict(answer)).toEqual([400, "INVALID_ROLE", "BAD_ROLE_NAME"]);
  });

  test("V49: 100 kB of dots and semicolons answer at once", async () => {
    const began = performance.now();
    const head = `POST /v2/${repository}/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/${".;=".repeat(3_000)}\r\nContent-Length: 0\r\n\r\n`;
    expect(statusOf(await server.raw(head))).toBe(400);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("refused: the headers of a part", () => {
  test.each([
    ["no file name", ['Content-Disposition: form-data; name="files"']],
    ["an empty file name", ['Content-Disposition: form-data; filename=""']],
    ["a file name of only .json", ['Content-Disposition: form-data; filename=".json"']],
    ["N8: two file names", ['Content-Disposition: form-data; filename="targets"; filename="root"']],
    ["N8: filename*", ["Content-Disposition: form-data; filename*=UTF-8''targets"]],
    [
      "N8: filename and filename*",
      [`Content-Disposition: form-data; filename="targets"; filename*=UTF-8''root`],
    ],
    [
      "two dispositions",
      [
        'Content-Disposition: form-data; filename="targets"',
        'Content-Disposition: form-data; filename="root"',
      ],
    ],
    ["N7: a NUL in the file name", ['Content-Disposition: form-data; filename="root\u0000"']],
    ["no disposition", ["Content-Type: application/octet-stream"]],
    ["a broken disposition", ["Content-Disposition: "]],
    [
      "20 headers before it",
      [
        ...Array.from({ length: 20 }, (_, i) => `X-${i}: 1`),
        'Content-Disposition: form-data; filename="targets"',
      ],
    ],
    [
      "M6: headers of 9 kB",
      ['Content-Disposition: form-data; filename="targets"', `X-Long: ${"x".repeat(9_000)}`],
    ],
  ])("%s", async (_what, headers) => {
    expect(verdict(await sendParts([{ headers, body: "{}" }]))).toEqual(noFilename);
  });

  test("M6: 100 headers", async () => {
    const headers = Array.from({ length: 100 }, (_, i) => `X-${i}: 1`);
    expect((await sendParts([{ headers, body: "{}" }])).status).toBe(400);
  });

  test.each([
    "foo",
    "mirrors",
    "Root",
    "TARGETS",
    "root ",
    " root",
    "targets/",
    "targets//a",
    "targets/a/",
    "targets/..",
    "targets/.",
    "targets/*",
    "targets/A",
    "targets/a b",
    "..\\\\root",
    "../root",
    "/root",
    "root;x",
    "targets.json.json",
    "root.jsonx",
    "__proto__",
    "constructor",
    "toString",
    "snapshot/a",
    "root/targets",
    `targets/${"a".repeat(300)}`,
    `targets${"/a".repeat(16)}`,
    "targets/\u00e9",
  ])("N7, N8: the role %j", async (role) => {
    expect(verdict(await sendParts([part(role, "{}")]))).toEqual([400, "INVALID_ROLE", "BAD_ROLE_NAME"]);
  });

  test("N7: targets/root is a delegation, never the root", async () => {
    const answer = await sendParts([part("targets/root", owner.files("root").get("root") as Buffer)]);
    expect(verdict(answer)).toEqual([400, "INVALID_UPDATE", "BAD_TYPE"]);
  });

  test("the refused role is named, and cut", async () => {
    const { error } = await sendParts([part("x".repeat(100), "{}")]);
    expect(error?.detail).toBe("x".repeat(64));
  });
});
