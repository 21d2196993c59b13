import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { keyReport } from "../../src/cli/key-report.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { startServer } from "../support/server.ts";

const vectors = resolve(import.meta.dirname, "../vectors/notary");

it("of a repository that the server lacks begins with taking it over", async () => {
  const trustDirectory = temporaryDirectory();
  const repository = "example.org/h1/plain";
  const metadata = join(trustDirectory, "tuf", repository, "metadata");
  cpSync(join(vectors, "plain", "metadata"), metadata, { recursive: true });
  const here = await startServer();
  try {
    const server = `http://127.0.0.1:${here.port}`;
    const { repositories } = await keyReport({ trustDirectory, server, ca: undefined }, [], { env: {} });
    expect(repositories).toMatchObject([{ repository, asOf: "copy" }]);
    expect(repositories[0]?.advice[0]).toContain("take it over first, vidimus import notary");
    const alone = await keyReport({ trustDirectory, server: undefined, ca: undefined }, [], { env: {} });
    expect(alone.repositories[0]?.advice.join("\n")).not.toContain("take it over");
  } finally {
    await here.close();
  }
});
