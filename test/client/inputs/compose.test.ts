import { describe, expect, it } from "vitest";
import { digest, reading } from "./reading.ts";

const { read, references, places, locked, refused } = reading("compose");

const whole = `name: shop
x-common: &common
  image: a/common:1 # shared
  restart: always
services:
  web:
    <<: *common
    command: [serve]
  worker:
    <<: *common
    image: 'a/worker:2'
    volumes:
      - ./data:/data
      - type: image
        source: a/files:3
        target: /files
      - {type: volume, source: v, target: /v}
    pre_start:
      - {image: "a/migrate:4", command: up}
      - command: check
  built:
    build:
      context: .
      additional_contexts:
        base: docker-image://a/base:5
        other: ../other
  named:
    image: shop/named
    build: .
    pull_policy: build
  listed:
    build:
      additional_contexts:
        - "tools=docker-image://a/tools:6"
        - src=../src
  more:
    extends: web
  other:
    extends: {service: worker}
volumes: {v: }
`;

describe("images of a Compose file", () => {
  it("are named with their places and lines", async () => {
    expect(await places(whole)).toEqual([
      "3 services[web]",
      "11 services[worker]",
      "15 services[worker].volumes[1]",
      "19 services[worker].pre_start[0]",
      "25 services[built].build.additional_contexts[base]",
      "34 services[listed].build.additional_contexts[tools]",
    ]);
  });

  it("are replaced where they stand, and nothing else changes", async () => {
    let expected = whole;
    for (const name of ["common:1", "worker:2", "files:3", "migrate:4", "base:5", "tools:6"]) {
      expected = expected.replace(`a/${name}`, `a/${name}@${digest}`);
    }
    expect(await locked(whole)).toBe(expected);
  });

  it("that are built are told", async () => {
    expect((await read(whole)).notes).toEqual([
      "services[built] is built locally: lock its Dockerfile too.",
      "services[named] is built locally: lock its Dockerfile too.",
      "services[listed] is built locally: lock its Dockerfile too.",
    ]);
  });

  it("of extensions count only where they are used", async () => {
    expect(await references("x-a: {image: a}\nservices:\n  c: {image: c, x-d: {image: d}}\n")).toEqual(["c"]);
  });

  it("of a service count, whatever it is called", async () => {
    expect(await references("services:\n  x-b: {image: b}\n  c: {extends: x-b}\n")).toEqual(["b"]);
  });

  it("of providers and models are told as not covered", async () => {
    const { images, notes } = await read("models: {m: {model: a}}\nservices: {p: {provider: {type: x}}}\n");
    expect(images).toEqual([]);
    expect(notes).toHaveLength(2);
  });

  it("may be none", async () => {
    expect(await references("services:\nvolumes: {a: {}}\n")).toEqual([]);
  });
});

describe("variables of a Compose file", () => {
  it.each([
    ["$X", { X: "a" }, "a"],
    [`\${X}:1`, { X: "a" }, "a:1"],
    [`\${X:-b}`, {}, "b"],
    [`\${X:-b}`, { X: "" }, "b"],
    [`\${X-b}`, {}, "b"],
    [`\${X-b}:1`, { X: "a" }, "a:1"],
    [`a\${X:+:1}`, { X: "y" }, "a:1"],
    [`a\${X+:1}`, {}, "a"],
    [`\${X:?no}`, { X: "a" }, "a"],
    [`\${X?no}`, { X: "a" }, "a"],
    [`\${X:-\${Y-c}}`, {}, "c"],
    [`\${X:-\${Y}}`, { X: "a" }, "a"],
  ])("%s is resolved with %j", async (image, given, expected) => {
    const text = `services:\n  a:\n    image: "${image}"\n`;
    expect(await references(text, given)).toEqual([expected]);
    expect(await locked(text, given)).toBe(text.replace(image, `${expected}@${digest}`));
  });

  it.each([
    ["$X"],
    [`\${X}`],
    [`\${X:?no}`],
    [`\${X?no}`],
    [`\${X:-$Y}`],
    [`\${E:?no}`],
    ["a$"],
    ["a$1"],
    ["a$ſ"],
    [`\${X#a}`],
    [`\${X:-a`],
    [`\${}`],
    [`\${X:-{}`],
  ])("%s is refused without a value", async (image) => {
    await refused(`services:\n  a:\n    image: "${image}"\n`, "VARIABLE", 3, { E: "" });
  });

  it("are not those that are escaped", async () => {
    expect(await references('services: {a: {image: "a$$X"}}\n', { X: "b" })).toEqual(["a$X"]);
  });

  it("decide what a mount is", async () => {
    const text = "services:\n  a:\n    image: a\n    volumes: [{type: $T, source: b, target: /b}]\n";
    expect(await references(text, { T: "image" })).toEqual(["a", "b"]);
    expect(await references(text, { T: "volume" })).toEqual(["a"]);
    await refused(text, "VARIABLE", 4);
  });

  it("hide no context", async () => {
    const text = "services: {a: {build: {additional_contexts: [$C]}}}\n";
    await refused(text, "INPUT_INVALID", 1, { C: "base=docker-image://a" });
    expect(
      await references('services: {a: {build: {additional_contexts: {b: "$C"}}}}\n', { C: "./b" }),
    ).toEqual([]);
  });
});

describe("a Compose file is refused", () => {
  it.each([
    ["with include", "include: [b.yml]\nservices: {a: {image: a}}\n", 1],
    ["with an unknown key", "service: {a: {image: a}}\n", 1],
    ["with an unknown key of a service", "services:\n  a:\n    image: a\n    images: b\n", 4],
    ["with a key in look-alike letters", "services:\n  a:\n    imagе: a\n", 3],
    ["with another case of a key", "services:\n  a:\n    Image: a\n", 3],
    ["with services as a list", "services: []\n", 1],
    ["with a service that is nothing", "services:\n  a:\n", 2],
    ["with a service whose name has a space", "services:\n  a b:\n    image: a\n", 2],
    ["with a service whose name has a slash", "services:\n  ok:\n    image: a\n  a/b:\n\n    image: a\n", 4],
    ["with a service without a name", 'services:\n  "":\n    image: a\n', 2],
    ["with a service in look-alike letters", "services:\n  wеb: {image: a}\n", 2],
    ["with a service without image and build", "services:\n  a:\n    command: x\n", 3],
    ["with an image that is nothing", "services:\n  a:\n    image:\n", 3],
    ["with an image that is a number", "services:\n  a:\n    image: 1\n", 3],
    ["with an image that is a block", "services:\n  a:\n    image: >\n      a\n", 3],
    [
      "with a service that extends another file",
      "services:\n  a:\n    image: a\n    extends: {service: b, file: c.yml}\n",
      4,
    ],
    ["with a service that extends none", "services:\n  a:\n    image: a\n    extends: b\n", 4],
    ["with services that extend each other", "services:\n  a:\n    extends: b\n  b:\n    extends: a\n", 3],
    ["with an inline Dockerfile", "services:\n  a:\n    build:\n      dockerfile_inline: FROM b\n", 4],
    [
      "with image and build, of which Compose pulls first",
      "services:\n  a:\n    image: a\n    build: .\n",
      3,
    ],
    [
      "with image and build and another policy",
      "services:\n  a:\n    image: a\n    build: .\n    pull_policy: always\n",
      3,
    ],
    [
      "with a policy that a service takes back",
      "services:\n  a: {image: a, build: ., pull_policy: build}\n  b:\n    extends: a\n    pull_policy: always\n",
      4,
    ],
    [
      "with a context that is an odd image",
      "services:\n  a:\n    build:\n      additional_contexts: {b: 'docker-image:b'}\n",
      4,
    ],
    ["with a main context that is an image", "services:\n  a:\n    build: docker-image://b\n", 3],
    [
      "with an empty image as a context",
      "services:\n  a:\n    build:\n      additional_contexts: {b: 'docker-image://'}\n",
      4,
    ],
    ["with a cache from a registry", "services:\n  a:\n    build:\n      cache_from: [b]\n", 4],
    ["with another frontend", "services:\n  a:\n    build:\n      args: {BUILDKIT_SYNTAX: b}\n", 4],
    [
      "with another frontend in a list",
      "services:\n  a:\n    build:\n      args: [X, BUILDKIT_SYNTAX=b]\n",
      4,
    ],
    [
      "with another frontend by a variable in the name",
      `services:\n  a:\n    build:\n      args: ['BUILDKIT_\${X:-SYNTAX}=b']\n`,
      4,
    ],
    [
      "with a cache of two types",
      "services:\n  a:\n    build:\n      cache_from: ['type=local,type=gha']\n",
      4,
    ],
    [
      "with a cache with quotes",
      `services:\n  a:\n    build:\n      cache_from: ['"type=gha",type=local']\n`,
      4,
    ],
    ["with a scanner", "services:\n  a:\n    build:\n      sbom: true\n", 4],
    [
      "with an image mount without source",
      "services:\n  a:\n    image: a\n    volumes: [{type: image}]\n",
      4,
    ],
    ["with a mount without type", "services:\n  a:\n    image: a\n    volumes: [{source: b}]\n", 4],
    ["with a tag that resets", "services:\n  a:\n    image: a\n    build: !reset null\n", 4],
    ["with two documents", "services: {a: {image: a}}\n---\nservices: {b: {image: b}}\n", 2],
  ])("%s", async (_, text, line) => {
    await refused(text, "INPUT_INVALID", line);
  });

  it("with services that extend each other in a long row", async () => {
    const rows = Array.from({ length: 100 }, (_, index) => `  s${index}: {extends: s${index + 1}}\n`);
    await expect(references(`services:\n${rows.join("")}  s100: {image: a}\n`)).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });
});

describe("a Compose file may have", () => {
  it.each([
    [
      "a local cache, no scanner, other arguments",
      "build: {cache_from: ['type=local,src=c'], sbom: false, args: {A: 1, B: }}",
    ],
    ["arguments in a list whose values are not known here", "build: {args: ['A=$A', B]}"],
    ["arguments in a mapping whose values are not known here", "build: {args: {A: $A}}"],
    ["image and build that is never pulled", "{image: a, build: ., pull_policy: never}".slice(1, -1)],
    ["build that is nothing, and image and build elsewhere", "build: ./b"],
  ])("%s", async (_, service) => {
    expect(await references(`services: {a: {${service}}}\n`)).toEqual([]);
  });

  it("an image with a build that is nothing", async () => {
    expect(await references("services: {a: {image: a, build: }}\n")).toEqual(["a"]);
  });
});
