/** The whole way of an image builder: images are signed, a yaml is locked, and the real LinuxKit builds what was locked. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { linuxkitFindings } from "../../support/linuxkit-schema.ts";
import { vidimusClient } from "../support/builder.ts";
import { linuxkitBuild, moveTag, pushFiles, pushKernel } from "../support/linuxkit.ts";
import { type DockerStage, linuxkitScenario } from "../support/scenario.ts";

/** Below the repository of the stage, each signed by its own. */
const images = ["kernel", "init", "network", "app"] as const;

function yamlOf({ repository }: DockerStage): string {
  return [
    "# A system of our own.",
    "kernel:",
    `  image: ${repository}/kernel:6.6 # by tag`,
    '  cmdline: "console=ttyS0"',
    "init:",
    `  - ${repository}/init:v1`,
    "onboot:",
    "  - name: network",
    `    image: "${repository}/network:v1"`,
    "services:",
    "  - name: app",
    `    image: ${repository}/app:v1`,
    "trust:",
    "  org:",
    `    - ${repository.split("/")[1]}`,
    "",
  ].join("\n");
}

/** Pushes and signs all images; the digest of each. */
async function published(stage: DockerStage): Promise<ReadonlyMap<string, string>> {
  const [builder, owner] = [stage.docker("builder"), stage.person("owner")];
  const digests = new Map<string, string>();
  for (const name of images) {
    const [repository, tag] = [`${stage.repository}/${name}`, name === "kernel" ? "6.6" : "v1"];
    const push = name === "kernel" ? pushKernel(builder, `${repository}:${tag}`, "kernel 6.6") : undefined;
    const digest = await (push ?? pushFiles(builder, `${repository}:${tag}`, { [`bin/${name}`]: name }));
    digests.set(name, digest);
    const size = String((await manifest(stage, name, digest)).headers.get("content-length"));
    await owner.do(["init", repository]);
    await owner.do(["addhash", repository, tag, size, "--sha256", digest.slice("sha256:".length), "-p"]);
  }
  return digests;
}

/** One request about a manifest of the registry. */
async function manifest(
  stage: DockerStage,
  name: string,
  digest: string,
  method = "HEAD",
): Promise<Response> {
  const path = `${stage.repository.slice(stage.place.registry.length + 1)}/${name}/manifests/${digest}`;
  const answer = await fetch(`http://${stage.place.registry}/v2/${path}`, {
    method,
    headers: { accept: "application/vnd.docker.distribution.manifest.v2+json" },
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer;
}

describe("the real linuxkit", () => {
  linuxkitScenario(
    "builds what was locked, wherever the tags move, and nothing once a digest is gone",
    async (stage, linuxkit) => {
      const digests = await published(stage);
      const owner = stage.person("owner");
      const yaml = yamlOf(stage);
      owner.file("system.yml", yaml);
      const policy = owner.file(
        "trust.yaml",
        JSON.stringify({ repositories: [{ match: `${stage.repository}/*`, tofu: true }] }),
      );
      const lock = await vidimusClient(stage, owner.directory, ["lock", "system.yml", "--policy", policy]);
      if (lock.code !== 0) throw new Error(lock.stderr);
      const locked = readFileSync(join(owner.directory, "system.locked.yml"), "utf8");
      const build = (text: string) => linuxkitBuild(linuxkit, stage.directory, text);

      const [byTag, byDigest] = [await build(yaml), await build(locked)];
      const app = `${stage.repository}/app`;
      await pushFiles(stage.docker("thief"), `${app}:stolen`, { "bin/app": "somebody else's" });
      await moveTag(stage.place.registry, app.slice(stage.place.registry.length + 1), "v1", "stolen");
      const [movedByTag, movedByDigest] = [await build(yaml), await build(locked)];
      await manifest(stage, "app", digests.get("app") as string, "DELETE");
      const gone = await build(locked);
      return {
        pinned: images.every((name) => locked.includes(`@${digests.get(name)}`)),
        findings: linuxkitFindings(locked),
        codes: [byTag, byDigest, movedByTag, movedByDigest].map(({ code }) => code),
        some: byDigest.files.size > images.length,
        sameAsByTag: differing(byTag.files, byDigest.files),
        sameAfterMove: differing(byDigest.files, movedByDigest.files),
        // So that the comparison can tell one build from another.
        movedByTag: differing(byTag.files, movedByTag.files).some((path) => path.endsWith("bin/app")),
        gone: gone.code !== 0 && gone.stderr.includes(digests.get("app") as string) ? "refused" : gone.stderr,
      };
    },
    {
      pinned: true,
      findings: [],
      codes: [0, 0, 0, 0],
      some: true,
      sameAsByTag: [],
      sameAfterMove: [],
      movedByTag: true,
      gone: "refused",
    },
  );
});

/** Paths that only one of two builds has, or that they have with other contents. */
function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path)).sort();
}
