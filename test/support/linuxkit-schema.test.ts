import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { linuxkitFindings } from "./linuxkit-schema.ts";

const vectors = join(import.meta.dirname, "../vectors/linuxkit");

const good = `
kernel: { image: acme/kernel:6, cmdline: console=ttyS0 }
init: [acme/init:1]
onboot:
  - { name: net, image: acme/net:1, runtime: { bindNS: { net: /run/netns/a } }, uid: net }
  - { name: net, image: acme/net:1, sysctl: { net.ipv4.ip_forward: "1" }, gid: 7 }
onshutdown: [{ name: end, image: busybox }]
services: [{ name: web, image: nginx@sha256:${"0".repeat(64)}, binds.add: ["/a:/a"] }]
trust: { org: [acme], image: [nginx] }
files: [{ path: etc/a, mode: "0600", optional: true }]
volumes: [{ name: data_1 }, { name: more, image: alpine, format: oci, platforms: [linux/arm64] }]
`;

const refused: Readonly<Record<string, string>> = {
  "an unknown section": "boot: []",
  "an unknown key of a container": "services: [{ name: a, image: b, digest: c }]",
  "an unknown key of the kernel": "kernel: { image: a, sha256: b }",
  "an unknown key of trust": "trust: { orgs: [acme] }",
  "an unknown key deep inside": "services: [{ name: a, image: b, resources: { memory: { most: 1 } } }]",
  "a container without an image": "onboot: [{ name: a }]",
  "a container without a name": "onshutdown: [{ image: a }]",
  "a section with nothing in it": "onboot:",
  "a number for an image": "kernel: { image: 6.12 }",
  "a map for an init image": "init: [{ image: a }]",
  "a mode that is a number": "files: [{ path: a, mode: 0600 }]",
  "a word of old yaml for a truth value": "services: [{ name: a, image: b, readonly: yes }]",
  "an owner that is a list": "files: [{ path: a, uid: [1] }]",
  "a fraction where a whole number belongs": "services: [{ name: a, image: b, oomScoreAdj: 0.5 }]",
  "an unknown format of a volume": "volumes: [{ name: a, format: ext4 }]",
  "a volume in capitals": "volumes: [{ name: A }]",
  "two volumes of one name": "volumes: [{ name: a }, { name: a }]",
  "two services of one name": "services: [{ name: a, image: b }, { name: a, image: c }]",
  "the version 1.2": "%YAML 1.2\n---\ninit: [a]",
  "a word of old yaml in a file of version 1.1": "%YAML 1.1\n---\nfiles: [{ path: a, optional: yes }]",
  "a key twice": "init: [a]\ninit: [b]",
  "two documents": "init: [a]\n---\ninit: [b]",
  "a list at the top": "[]",
  "an empty file": "",
  "what is not yaml": "init: [a",
  "an alias of nothing": "init: [*a]",
};

describe("what LinuxKit takes", () => {
  test("a file with every section is accepted", () => {
    expect(linuxkitFindings(good)).toEqual([]);
  });

  test.each(Object.entries(refused))("%s is one finding", (_, yaml) => {
    expect(linuxkitFindings(yaml)).toHaveLength(1);
  });

  test("a finding says where and what", () => {
    expect(linuxkitFindings("services: [{ name: a, image: b, digest: c }]")).toEqual([
      'At services[0]: Unrecognized key: "digest".',
    ]);
  });

  test("aliases without end are a finding", () => {
    const lines = [
      "init: &a0 [x, x]",
      ...Array.from({ length: 20 }, (_, n) => `k${n}: &a${n + 1} [*a${n}, *a${n}]`),
    ];
    expect(linuxkitFindings(lines.join("\n"))).toHaveLength(1);
  });

  const files = readdirSync(vectors).filter((name) => name.endsWith(".yml"));

  test("there are a dozen files to lock", () => {
    expect(files).toHaveLength(12);
  });

  test.each(files)("%s is accepted", (name) => {
    expect(linuxkitFindings(readFileSync(join(vectors, name), "utf8"))).toEqual([]);
  });
});
