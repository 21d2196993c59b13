/** A collection's daily life with the stock `notary` command line: make, fill, read, verify, empty. */

import { createHash } from "node:crypto";
import { describe } from "vitest";
import { cachedMetadata } from "../support/metadata.ts";
import { listedTargets, namesAndRoles, refusal } from "../support/notary.ts";
import { divergence, type Stage, scenario } from "../support/scenario.ts";

const content = "the content of one\n";
const sha256 = createHash("sha256").update(content).digest("hex");
const sha512 = createHash("sha512").update(content).digest("hex");

/** An owner who has published the target `one`. */
async function published(stage: Stage) {
  const owner = stage.person("owner");
  const file = owner.file("one", content);
  await owner.do(["init", stage.repository]);
  await owner.do(["add", stage.repository, "one", file]);
  await owner.do(["publish", stage.repository]);
  return { owner, file };
}

describe("publish and read", () => {
  scenario(
    "a published target is listed with digest, size and role to a new reader",
    async (stage) => {
      await published(stage);
      return listedTargets(await stage.person("reader").do(["list", stage.repository]));
    },
    [{ name: "one", digest: sha256, size: content.length, role: "targets" }],
  );

  scenario(
    "init -p and add -p publish at once",
    async (stage) => {
      const owner = stage.person("owner");
      await owner.do(["init", stage.repository, "-p"]);
      const empty = namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
      await owner.do(["add", stage.repository, "one", owner.file("one", content), "-p"]);
      return { empty, filled: namesAndRoles(await stage.person("reader").do(["list", stage.repository])) };
    },
    { empty: [], filled: ["one@targets"] },
  );

  scenario(
    "lookup prints name, digest and size",
    async (stage) => {
      await published(stage);
      return (await stage.person("reader").do(["lookup", stage.repository, "one"])).stdout.trim();
    },
    `one sha256:${sha256} ${content.length}`,
  );

  scenario(
    "lookup of a name nobody signed is refused",
    async (stage) => {
      await published(stage);
      const result = await stage.person("reader").try(["lookup", stage.repository, "two"]);
      return { code: result.code, refusal: refusal(result) };
    },
    { code: 1, refusal: "target not signed" },
  );

  scenario(
    "an unknown repository is refused with the client's own sentence",
    async (stage) => {
      const result = await stage.person("reader").try(["list", stage.repository]);
      const sentence = result.stdout
        .trim()
        .replace(stage.repository, "NAME")
        .replace(/[\d.]+:\d+/, "HOST");
      return { code: result.code, sentence };
    },
    { code: 1, sentence: "* fatal: HOST does not have trust data for NAME" },
  );

  scenario(
    "a removed target is gone for a reader who had seen it",
    async (stage) => {
      const { owner } = await published(stage);
      const reader = stage.person("reader");
      const before = namesAndRoles(await reader.do(["list", stage.repository]));
      await owner.do(["add", stage.repository, "two", owner.file("two", "2")]);
      await owner.do(["remove", stage.repository, "one"]);
      await owner.do(["publish", stage.repository]);
      return { before, after: namesAndRoles(await reader.do(["list", stage.repository])) };
    },
    { before: ["one@targets"], after: ["two@targets"] },
  );

  scenario(
    "a publish without staged changes leaves the versions as they are",
    async (stage) => {
      const { owner } = await published(stage);
      await owner.do(["publish", stage.repository]);
      const reader = stage.person("reader");
      await reader.do(["list", stage.repository]);
      return cachedMetadata(reader, stage.repository, "targets").signed.version;
    },
    2,
  );
});

describe("verify", () => {
  scenario(
    "the signed bytes pass and are copied to standard output",
    async (stage) => {
      await published(stage);
      const reader = stage.person("reader");
      return (await reader.do(["verify", stage.repository, "one"], { input: content })).stdout;
    },
    content,
  );

  scenario(
    "other bytes of the same length are refused and not copied",
    async (stage) => {
      await published(stage);
      const tampered = content.replace("content", "c0ntent");
      const reader = stage.person("reader");
      const result = await reader.try(["verify", stage.repository, "one"], { input: tampered });
      return { code: result.code, copied: result.stdout.includes(tampered) };
    },
    { code: 1, copied: false },
  );

  scenario(
    "a file is verified from -i to -o",
    async (stage) => {
      const { file } = await published(stage);
      const reader = stage.person("reader");
      const output = reader.file("out", "");
      const args = ["verify", stage.repository, "one", "-i", file, "-o", output, "-q"];
      return (await reader.do(args)).stdout;
    },
    "",
  );
});

describe("staged changes", () => {
  scenario(
    "status names what is staged, reset drops it, publish empties it",
    async (stage) => {
      const { owner, file } = await published(stage);
      const staged = async () =>
        (await owner.do(["status", stage.repository])).stdout
          .split("\n")
          .filter((line) => /^\d/.test(line))
          .map((line) => line.trim().split(/\s+/).slice(1));
      await owner.do(["add", stage.repository, "two", file]);
      await owner.do(["remove", stage.repository, "one"]);
      const both = await staged();
      await owner.do(["reset", stage.repository, "-n", "1"]);
      const one = await staged();
      await owner.do(["publish", stage.repository]);
      const none = await staged();
      await owner.do(["add", stage.repository, "three", file]);
      await owner.do(["reset", stage.repository, "--all"]);
      return { both, one, none, reset: await staged() };
    },
    {
      both: [
        ["create", "targets", "target", "two"],
        ["delete", "targets", "target", "one"],
      ],
      one: [["create", "targets", "target", "two"]],
      none: [],
      reset: [],
    },
  );

  scenario(
    "nothing staged is visible before publish",
    async (stage) => {
      const { owner, file } = await published(stage);
      await owner.do(["add", stage.repository, "two", file]);
      return namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
    },
    ["one@targets"],
  );
});

describe("addhash", () => {
  const digests = {
    sha256: ["--sha256", sha256],
    sha512: ["--sha512", sha512],
    both: ["--sha256", sha256, "--sha512", sha512],
  };
  for (const [name, flags] of Object.entries(digests)) {
    scenario(
      `a target by ${name} verifies the real bytes`,
      async (stage) => {
        const owner = stage.person("owner");
        await owner.do(["init", stage.repository]);
        await owner.do(["addhash", stage.repository, "one", String(content.length), ...flags]);
        await owner.do(["publish", stage.repository]);
        const reader = stage.person("reader");
        const verified = await reader.try(["verify", stage.repository, "one", "-q"], { input: content });
        const signed = cachedMetadata(reader, stage.repository, "targets").signed;
        return { code: verified.code, hashes: Object.keys(signed.targets?.one?.hashes ?? {}).sort() };
      },
      { code: 0, hashes: name === "both" ? ["sha256", "sha512"] : [name] },
    );
  }

  scenario(
    "a target by digest is removed again",
    async (stage) => {
      const owner = stage.person("owner");
      await owner.do(["init", stage.repository]);
      await owner.do(["addhash", stage.repository, "one", "19", "--sha256", sha256, "-p"]);
      await owner.do(["remove", stage.repository, "one", "-p"]);
      return namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
    },
    [],
  );
});

describe("custom data", () => {
  scenario(
    "members in canonical order arrive at the reader as written",
    async (stage) => {
      const { owner, file } = await published(stage);
      const custom = owner.file("custom.json", '{"a":1,"b":{"c":"d"}}');
      await owner.do(["add", stage.repository, "two", file, "--custom", custom]);
      await owner.do(["publish", stage.repository]);
      const reader = stage.person("reader");
      await reader.do(["list", stage.repository]);
      return cachedMetadata(reader, stage.repository, "targets").signed.targets?.two?.custom;
    },
    { a: 1, b: { c: "d" } },
  );

  scenario(
    "members out of order make a signature that the server refuses, and nothing is stored",
    async (stage) => {
      const { owner, file } = await published(stage);
      const custom = owner.file("custom.json", '{"b":1,"a":2}');
      await owner.do(["add", stage.repository, "two", file, "--custom", custom]);
      const result = await owner.try(["publish", stage.repository]);
      const listed = namesAndRoles(await stage.person("reader").do(["list", stage.repository]));
      return { code: result.code, refusal: refusal(result), listed };
    },
    { code: 1, refusal: "rejected by the server as invalid", listed: ["one@targets"] },
  );
});

describe("addresses", () => {
  divergence(
    "a trailing slash in the server's URL",
    async (stage) => {
      await published(stage);
      const result = await stage
        .person("reader")
        .try(["list", stage.repository], { url: `${stage.server.url}/` });
      return { code: result.code, refusal: refusal(result) };
    },
    {
      because: "doubled slash",
      reference: { code: 1, refusal: "server not usable" },
      vidimus: { code: 0, refusal: "none" },
    },
  );
});
