/** A server that only reads, beside the one that writes, on the same data directory. */
import { beforeAll, describe, expect, it } from "vitest";
import { facts } from "../../src/publisher/files.ts";
import { publishFirst, publishNext } from "../support/bare/collection.ts";
import { exchange, repositoryPath, type TrustServer } from "../support/bare/exchange.ts";
import { fetchFile } from "../support/bare/fetch.ts";
import { bareKey, certificateKey, generatePrivateKey, makeRootCertificate } from "../support/bare/keys.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { runningServer } from "../support/running-server.ts";

const repository = "example/app";
const expires = Date.now() + 86_400_000;
const targets = new Map([["one", facts(Buffer.from("one"))]]);
const targetsKey = bareKey(generatePrivateKey("ecdsa"));

describe("a read-only server beside a writing one", () => {
  let writer: TrustServer;
  let reader: TrustServer;

  beforeAll(async () => {
    const data = temporaryDirectory();
    writer = await runningServer({ data, "store.kind": "sqlite" });
    const rootKey = generatePrivateKey("ecdsa");
    const root = certificateKey(rootKey, await makeRootCertificate(rootKey, repository, new Date()));
    await publishFirst(writer, {
      repository,
      holders: { root: { keys: [root], threshold: 1 }, targets: { keys: [targetsKey], threshold: 1 } },
      targets,
      rootExpires: expires,
      targetsExpires: expires,
    });
    reader = await runningServer({ data, "store.kind": "sqlite", "server.readOnly": "true" });
  });

  it("serves what the other one publishes after it was read here", async () => {
    const before = await fetchFile(reader, repository, "timestamp.json");
    expect(before).toEqual(await fetchFile(writer, repository, "timestamp.json"));
    await publishNext(writer, { repository, current: 1, targets, signers: [targetsKey], expires });
    const after = await fetchFile(reader, repository, "timestamp.json");
    expect(after).not.toEqual(before);
    expect(after).toEqual(await fetchFile(writer, repository, "timestamp.json"));
  });

  it("refuses an upload before it is read", async () => {
    const body = { type: "text/plain", bytes: Buffer.from("no upload at all") };
    const answer = await exchange(reader, "POST", repositoryPath(repository, ""), undefined, body);
    expect([answer.status, answer.code]).toEqual([405, "READ_ONLY"]);
  });

  it("refuses to publish, in the API's words", async () => {
    const attempt = publishNext(reader, { repository, current: 2, targets, signers: [targetsKey], expires });
    await expect(attempt).rejects.toMatchObject({ answer: { status: 405, code: "READ_ONLY" } });
  });
});
