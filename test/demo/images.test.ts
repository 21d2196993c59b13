import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { imagesOf } from "../../demo/images.ts";

const digest = "a".repeat(64);

describe("imagesOf", () => {
  it("finds the images of every section in order", () => {
    const yaml = `
kernel: { image: "linuxkit/kernel:1@sha256:${digest}" }
init: ["linuxkit/init:2@sha256:${digest}"]
onboot: [{ name: a, image: "linuxkit/a:3@sha256:${digest}" }]
onshutdown: [{ name: b, image: "linuxkit/b:4@sha256:${digest}" }]
services: [{ name: c, image: "linuxkit/c:5@sha256:${digest}" }]
`;
    expect(imagesOf(yaml).map(({ section, tag }) => `${section} ${tag}`)).toEqual([
      "kernel 1",
      "init 2",
      "onboot 3",
      "onshutdown 4",
      "services 5",
    ]);
  });

  it("expands a name of one part", () => {
    const [image] = imagesOf(`init: ["busybox:1@sha256:${digest}"]`);
    expect(image?.repository).toBe("registry.example.test/library/busybox");
  });

  it.each(["linuxkit/init", "linuxkit/init:1", `host:5000/linuxkit/init:1@sha256:${digest}`])(
    "refuses %s, which has no tag with digest",
    (text) => {
      expect(() => imagesOf(`init: ["${text}"]`)).toThrow(text);
    },
  );

  it("reads the yaml of the demonstration: ten images, each a repository of its own", () => {
    const images = imagesOf(readFileSync(resolve(import.meta.dirname, "../../demo/linuxkit.yml"), "utf8"));
    expect(new Set(images.map(({ repository }) => repository)).size).toBe(10);
  });
});
