/** Secrets sent through every path are found in no log, no metric and no answer (threat L2). */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { SignerError, StoreError } from "../../src/core/errors.ts";
import type { Json } from "../../src/core/json.ts";
import type { Answer } from "../support/client.ts";
import { multipart, multipartType, part, parts } from "../support/multipart.ts";
import { type Files, signedOf, signJson } from "../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/secrets";
let server: TestServer;
afterEach(async () => await server.close());

/** A secret in every form in which it could leak. */
function forms(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  const numbers = [...buffer.subarray(0, 12)];
  return [
    buffer.toString("base64"),
    buffer.toString("base64url"),
    buffer.toString("hex"),
    numbers.join(","),
    numbers.join(", "),
  ];
}

test.each(backEnds)("L2: canaries leave no trace on %s", async (backEnd) => {
  const secret = randomBytes(32);
  const token = `canary-${randomBytes(12).toString("hex")}`;
  const pkcs8 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    format: "der",
    type: "pkcs8",
  });
  const answers: string[] = [];
  const references: Uint8Array[] = [];
  let fault: "none" | "store" | "signer" | "foreign" = "none";
  server = await startServer({
    backEnd,
    secret,
    wrapStore: (store) => ({
      ...store,
      async addPendingKey(key, limits, audit) {
        references.push(key.reference);
        return await store.addPendingKey(key, limits, audit);
      },
      async commit(publication) {
        if (fault === "store") throw new StoreError("STORE_UNAVAILABLE", "Try again later.");
        if (fault === "foreign") throw new Error("something else");
        return await store.commit(publication);
      },
    }),
    wrapSigner: (signer) => ({
      generate: (algorithm, binding) => signer.generate(algorithm, binding),
      adopt: (privateKey, binding) => signer.adopt(privateKey, binding),
      async sign(key, message) {
        if (fault === "signer")
          throw new SignerError("SIGNER_UNAVAILABLE", "Try again later.", { cause: key });
        return await signer.sign(key, message);
      },
      check: () => signer.check(),
      close: () => signer.close(),
    }),
  });
  const note = ({ headers, body }: Answer) =>
    answers.push(`${JSON.stringify(headers)}\n${body.toString("latin1")}`);
  const authorization = `Bearer ${token}`;
  const ask = async (method: string, path: string, body?: Uint8Array, type = multipartType) =>
    note(
      await server.request(path, {
        method,
        headers: { authorization, cookie: `session=${token}`, "content-type": type },
        ...(body !== undefined && { body }),
      }),
    );
  const tuf = `/v2/${repository}/_trust/tuf/`;

  const owner = await server.owner(repository);
  await server.publish(repository, owner.first());
  const leaking = (root: Files): Buffer => {
    const signed = signedOf(root.get("root") as Buffer);
    const [key] = Object.values(signed.keys as Record<string, { keyval: Record<string, Json> }>);
    (key as { keyval: Record<string, Json> }).keyval.private = pkcs8.toString("base64");
    return multipart(parts(new Map(root).set("root", signJson(signed, [owner.rootKey]))));
  };
  for (fault of ["none", "store", "signer", "foreign"] as const) {
    for (const path of [
      "/v2/",
      `${tuf}root.json`,
      `${tuf}1.root.json`,
      `${tuf}timestamp.key`,
      "/nowhere",
      "/v2/%ff",
      "/metrics",
      "/_notary_server/health",
      "/v2/_trust/changefeed?records=x",
    ]) {
      await ask("GET", path);
    }
    await ask("PATCH", tuf);
    await ask("POST", `${tuf}snapshot.key`);
    await ask("POST", tuf, leaking(owner.files("root")));
    await ask("POST", tuf, multipart([part("root", `{"private":"${pkcs8.toString("base64")}"`)]));
    await ask("POST", tuf, Buffer.from(token), "garbage");
    await ask("POST", tuf, multipart(parts(owner.next("targets"))));
    await ask("POST", tuf, multipart(parts(owner.next("targets"))).subarray(0, 300));
  }
  server.clock.advance(400 * 86_400_000);
  await ask("GET", `${tuf}timestamp.json`);
  fault = "none";
  await ask("DELETE", tuf);

  const metrics = (await server.get("/metrics")).body.toString();
  const seen = [...server.log, metrics, ...answers].join("\n");
  expect(seen.length).toBeGreaterThan(10_000);
  expect(references.length).toBeGreaterThan(1);
  const canaries = [
    token,
    ...forms(secret),
    ...forms(pkcs8),
    ...references.flatMap((reference) => forms(reference.subarray(5))),
  ];
  for (const canary of canaries) expect(seen.includes(canary), canary.slice(0, 16)).toBe(false);
});
