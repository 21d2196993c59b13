/** The examples in the README of the client's package: they compile, and do what they say. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";
import { type Simulator, someTarget } from "../support/simulator.ts";
import type { TrustSite } from "../support/trust-site.ts";
import { simulated, siteOf } from "../support/trusting.ts";

const root = resolve(import.meta.dirname, "../..");
const page = readFileSync(join(root, "client/README.md"), "utf8");
const examples = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text = ""]) => text);
const folder = temporaryDirectory();
let site: TrustSite;

function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const ended = Promise.withResolvers<{ code: number; out: string; err: string }>();
  execFile(process.execPath, argv, { cwd: folder, env, timeout: 60_000 }, (error, out, err) =>
    ended.resolve({ code: error === null ? 0 : Number(error.code), out, err }),
  );
  return ended.promise;
}

/** Runs one of them as it stands, with the sources in the place of the package. */
function runExample(index: number) {
  const file = `example-${index}.ts`;
  const library = JSON.stringify(join(root, "src/client/index.ts"));
  writeFileSync(join(folder, file), (examples[index] ?? "").replace('"@vidimus/client"', library));
  return run([file], { HOME: folder });
}

/** Good at the real instant, for the examples know no other. */
async function signedNow(repository: string, target: string): Promise<Simulator> {
  const sim = await simulated(repository, target);
  const later = Date.now() + 86_400_000;
  for (const role of [sim.root, sim.targetsOf("targets"), sim.snapshot, sim.timestamp]) role.expires = later;
  sim.publish();
  return sim;
}

beforeAll(async () => {
  site = await siteOf(
    await signedNow("registry.acme.example/acme/kernel", "6.6"),
    await signedNow("registry.acme.example/acme/kernels", "6.6/kernel.tar"),
  );
  const rule = { match: "registry.acme.example/acme/*", tofu: true, lookup: ["targets"] };
  writeFileSync(join(folder, "trust.yaml"), JSON.stringify({ server: site.url, repositories: [rule] }));
});

it("compile strictly", async () => {
  expect(examples).toHaveLength(2);
  for (const [index, text] of examples.entries()) writeFileSync(join(folder, `${index}.ts`), text);
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      paths: { "@vidimus/client": [join(root, "src/client/index.ts")] },
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: [],
    files: examples.map((_, index) => `${index}.ts`),
  };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  expect(await run([join(root, "node_modules/typescript/bin/tsc"), "-p", "."])).toMatchObject({
    code: 0,
    out: "",
  });
});

it("of an image prints its reference with the digest", async () => {
  const { code, out } = await runExample(0);
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      new RegExp(
        `^registry.acme.example/acme/kernel:6.6@sha256:${someTarget("6.6").sha256} \\[ '[0-9a-f]{64}' \\]`,
      ),
    ),
  ]);
});

it("of a file says what is signed, and throws for another one", async () => {
  const { sha256, length } = someTarget("6.6/kernel.tar");
  writeFileSync(join(folder, "kernel.tar"), "6.6/kernel.tar");
  const { code, out } = await runExample(1);
  expect([code, out]).toEqual([0, `${length} ${sha256} targets\n`]);
  writeFileSync(join(folder, "kernel.tar"), "6.6/KERNEL.tar");
  const other = await runExample(1);
  expect([other.code, other.err]).toEqual([1, expect.stringContaining("FILE_MISMATCH")]);
});
