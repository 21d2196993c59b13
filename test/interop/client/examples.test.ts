/** The examples as their page says to run them: what is signed is unpacked, and nothing else ever is. */

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf, importImage, trusted } from "../support/docker.ts";
import { pushTrusted, pushUnsigned } from "../support/docker-images.ts";
import { type Result, run } from "../support/process.ts";
import { type DockerStage, dockerScenario } from "../support/scenario.ts";

const root = resolve(import.meta.dirname, "../../..");
const builders = {
  library: [process.execPath, join(root, "examples/builder.ts")],
  shell: [join(root, "examples/builder.sh")],
} as const;
type Builder = keyof typeof builders;
const both = Object.keys(builders) as Builder[];

/** Builds in a directory that is left with the result alone; what it has then, by name. */
async function build(stage: DockerStage, builder: Builder, image: string) {
  const directory = mkdtempSync(join(stage.directory, `${builder}-`));
  const policy = join(directory, "trust.yaml");
  const { url, ca } = stage.server;
  const rule = { match: stage.repository, tofu: true };
  writeFileSync(policy, JSON.stringify({ server: url, servers: { [url]: { ca } }, repositories: [rule] }));
  const [program, ...args] = builders[builder];
  const result = await run(program, [...args, image, join(directory, "rootfs")], {
    env: {
      PATH: process.env.PATH ?? "",
      HOME: directory,
      VIDIMUS_CLIENT: `${process.execPath} ${join(root, "src/client/cli/main.ts")}`,
    },
    cwd: directory,
    seconds: 30,
  });
  // Neither a tree nor half of one, nor a directory for work.
  const left = readdirSync(directory).filter((name) => name.startsWith("rootfs"));
  return { result, rootfs: join(directory, "rootfs"), left };
}

/** What both builders make of an image: the content of its file, or the exit code and that nothing is left. */
async function outcomes(stage: DockerStage, image: string, words: RegExp = /./): Promise<readonly string[]> {
  return await Promise.all(
    both.map(async (builder) => {
      const { result, rootfs, left } = await build(stage, builder, image);
      if (result.code === 0)
        return `${readdirSync(rootfs)}: ${readFileSync(join(rootfs, "content"), "utf8")}`;
      return `${result.code}${words.test(result.stderr) ? "" : ` ${said(result)}`}, left: ${left.length}`;
    }),
  );
}

function said({ stdout, stderr }: Result): string {
  return `said: ${stdout}${stderr}`;
}

/** The registry's own copy of a blob. */
function blobFile(stage: DockerStage, digest: string): string {
  const hex = digest.slice("sha256:".length);
  const file = join(stage.place.storage, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  if (!existsSync(file)) throw new Error(`the registry has no ${digest}`);
  return file;
}

describe("both builders", () => {
  dockerScenario(
    "unpack what docker pushed and signed, and nothing once a layer or the manifest is changed in the registry",
    async (stage) => {
      const image = `${stage.repository}:v1`;
      const owner = stage.docker("owner");
      // So that no other stage has these blobs.
      await importImage(owner, image, stage.directory);
      const digest = digestOf(await owner.do(["push", trusted, image]));
      const unpacked = await outcomes(stage, image);

      const manifest = blobFile(stage, digest);
      const { layers } = JSON.parse(readFileSync(manifest, "utf8")) as { layers: { digest: string }[] };
      const restore = flip(blobFile(stage, layers[0]?.digest ?? ""));
      const layer = await outcomes(stage, image, /other bytes/);
      restore();
      flip(manifest);
      return {
        unpacked: unpacked.map((each) => each === `content: ${stage.directory}`),
        layer,
        manifest: await outcomes(stage, image),
      };
    },
    {
      unpacked: [true, true],
      layer: ["1, left: 0", "1, left: 0"],
      manifest: ["1, left: 0", "1, left: 0"],
    },
  );

  dockerScenario(
    "take their platform from an index, and leave nothing behind of a tag that nobody signed, and of a digest that is not the signed one",
    async (stage) => {
      const owner = stage.docker("owner");
      const v1 = await pushTrusted(owner, stage, "v1");
      const v2 = await pushUnsigned(owner, stage, "v2");
      await signIndex(stage, "both", [v2, v1]);
      return {
        index: await outcomes(stage, `${stage.repository}:both`),
        unsigned: await outcomes(stage, `${stage.repository}:v2`, /Nobody who counts signs/),
        digest: await outcomes(stage, `${stage.repository}:v1@sha256:${"0".repeat(64)}`, /signed digest/),
      };
    },
    {
      index: ["content: v1", "content: v1"],
      unsigned: ["33, left: 0", "33, left: 0"],
      digest: ["30, left: 0", "30, left: 0"],
    },
  );
});

/** Signs an index of the images of two tags: the first is for another system, the second for this machine. */
async function signIndex(stage: DockerStage, tag: string, digests: readonly [string, string]): Promise<void> {
  const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const manifests = digests.map((digest, index) => ({
    mediaType,
    digest,
    size: readFileSync(blobFile(stage, digest)).length,
    platform: { architecture, os: ["windows", "linux"][index] },
  }));
  const type = "application/vnd.docker.distribution.manifest.list.v2+json";
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }));
  const path = stage.repository.slice(stage.place.registry.length + 1);
  const put = await fetch(`http://${stage.place.registry}/v2/${path}/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": type },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  if (!put.ok) throw new Error(`${path}:${tag}: ${put.status}`);
  const hash = ["--sha256", createHash("sha256").update(body).digest("hex")];
  await stage.docker("owner").notary(["addhash", stage.repository, tag, String(body.length), ...hash, "-p"]);
}

test.each(["builder.ts", "builder.sh"])("%s has at most 60 lines", (name) => {
  const lines = readFileSync(join(root, "examples", name), "utf8")
    .trimEnd()
    .split("\n");
  expect(lines.length).toBeLessThanOrEqual(60);
});

/** Changes the last byte of a file; what is returned puts it right again. */
function flip(file: string): () => void {
  const honest = readFileSync(file);
  const other = Buffer.from(honest);
  other[other.length - 1] = (other.at(-1) as number) ^ 1;
  writeFileSync(file, other);
  return () => writeFileSync(file, honest);
}
