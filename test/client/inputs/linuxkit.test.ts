import { describe, expect, it } from "vitest";
import { digest, reading } from "./reading.ts";

const { read, references, places, locked, refused } = reading("linuxkit");

const whole = `# the kernel
kernel:
  image: linuxkit/kernel:6.6.71 # newest
  cmdline: "console=ttyS0"
init:
  - linuxkit/init:v1
  - 'linuxkit/runc:v1'
onboot:
  - name: sysctl
    image: "linuxkit/sysctl:v1"
onshutdown:
  - name: bye
    image: linuxkit/bye:v1
services:
  - name: sshd
    image: linuxkit/sshd:v1
  - image: linuxkit/rngd:v1
volumes:
  - name: empty
  - name: full
    image: linuxkit/data:v1
files:
  - path: etc/image
    contents: "image: none"
trust:
  org:
    - linuxkit
`;

describe("images of a LinuxKit file", () => {
  it("are named with their places and lines, in the order of the build", async () => {
    expect(await places(whole)).toEqual([
      "3 kernel",
      "6 init[0]",
      "7 init[1]",
      "10 onboot[sysctl]",
      "13 onshutdown[bye]",
      "16 services[sshd]",
      "17 services[1]",
      "21 volumes[full]",
    ]);
  });

  it("are replaced in the quotes they had, and nothing else changes but the trust block", async () => {
    let expected = whole.slice(0, whole.indexOf("trust:"));
    for (const name of [
      "kernel:6.6.71",
      "init:v1",
      "runc:v1",
      "sysctl:v1",
      "bye:v1",
      "sshd:v1",
      "rngd:v1",
      "data:v1",
    ]) {
      expected = expected.replace(`linuxkit/${name}`, `linuxkit/${name}@${digest}`);
    }
    expect(await locked(whole)).toBe(expected);
  });

  it("are found behind quoted keys, aliases and merge keys", async () => {
    const text = `kernel: {"image": &k a/kernel:1}
init: [*k, "b/init:1"]
files: [{path: x, contents: &v c/volume:1}]
onboot:
  - &base
    name: one
    image: d/one:1
services:
  - <<: *base
    name: two
  - *base
volumes:
  - {name: v, image: *v}
`;
    expect(await references(text)).toEqual([
      ...["a/kernel:1", "a/kernel:1", "b/init:1", "d/one:1", "d/one:1", "d/one:1", "c/volume:1"],
    ]);
    expect(await locked(text)).toBe(
      text
        .replace("&k a/kernel:1", `&k a/kernel:1@${digest}`)
        .replace("[*k,", `[a/kernel:1@${digest},`)
        .replace('"b/init:1"', `"b/init:1@${digest}"`)
        .replace("image: d/one:1", `image: d/one:1@${digest}`)
        .replace("image: *v", `image: c/volume:1@${digest}`),
    );
  });

  it("from the local tree are told apart", async () => {
    const input = await read('init:\n  - "@pkg:../pkg/init"\n  - a/b:1\n');
    expect(input.local).toEqual([{ place: "init[0]", line: 2, text: "@pkg:../pkg/init" }]);
    expect(input.images).toHaveLength(1);
  });

  it("may be none", async () => {
    expect(await references("kernel:\ninit:\nservices: []\nvolumes: [{name: a}]\n")).toEqual([]);
  });
});

describe("a LinuxKit file is refused", () => {
  it.each([
    ["a misspelt key", "kernel:\n  image: a\nservice: []\n", 3],
    ["a key that looks like another", "kеrnel:\n  image: a\n", 1],
    ["a key that the kernel has not", "kernel:\n  imag: a\n", 2],
    ["a key that a volume has not", "volumes:\n  - name: a\n    imag: a\n", 3],
    ["a merge key at the top", "files: []\n<<: {init: [a]}\n", 2],
    ["a list that is none", "services: {}\n", 1],
    ["a list that is a text", "init: a\n", 1],
    ["an entry that is no mapping", "onboot:\n  - a\n", 2],
    ["an image that is a number", "kernel:\n  image: 1.5\n", 2],
    ["an image that is a list", "onboot:\n  - image: [a]\n", 2],
    ["an image that is empty", 'onboot:\n  - image: ""\n', 2],
    ["an entry without image", "services:\n  - name: a\n", 2],
    ["an init entry that is nothing", "init:\n  -\n", 2],
    ["an image with a tag", "kernel:\n  image: !!str a\n", 2],
    ["an image with a local tag", "kernel:\n  image: !x a\n", 2],
    ["an image as a block", "kernel:\n  image: |\n    a\n", 2],
    ["an image over two lines", 'kernel:\n  image: "a\\\n    b"\n', 2],
    ["an image with a space", "kernel:\n  image: a b\n", 2],
    ["another template", 'init: ["@tmpl:x"]\n', 1],
    [
      "an image that a merge would add again",
      "files: [&b {image: a}]\nonboot:\n  - image: c\n    <<: *b\n",
      4,
    ],
    ["a list at the top", "- a\n", 1],
    ["a text at the top", "a\n", 1],
    ["nothing", "", 1],
  ])("for %s", async (_, text, line) => {
    await refused(text, "INPUT_INVALID", line);
  });
});
