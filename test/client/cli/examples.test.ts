/** The examples in the help of the client's commands, each as it stands: only what it calls a file lies in the test's folder. */
import { beforeAll, describe, expect, it } from "vitest";
import { runClient } from "../../support/client-cli.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import { simulated, siteOf } from "../../support/trusting.ts";

const name = "registry.acme.example/app";
let folder: Folder;
let flags: readonly string[];

beforeAll(async () => {
  const sim = await simulated(name, "1.2", "boot.bin");
  const { url } = await siteOf(sim);
  folder = folderWith({
    "policy.yaml": "repositories:\n  - match: registry.acme.example/**\n    tofu: true\n",
    "boot.bin": "boot.bin",
    "linuxkit.yml": `kernel:\n  image: ${name}:1.2\n  cmdline: console=ttyS0\n`,
  });
  flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache"), "--server", url];
});

const placed = (word: string) => (/^(?:boot\.bin|linuxkit\.yml)$/.test(word) ? folder.at(word) : word);

/** All but the value of a flag that happens to be called like a file. */
function inFolder(words: readonly string[]): string[] {
  return words.map((word, index) => (words[index - 1] === "--target" ? word : placed(word)));
}

describe.each(["vidimus-client", "vidimus"] as const)("%s", (program) => {
  it.each([
    ["resolve", []],
    ["verify", []],
    ["lock", ["--lock"]],
    ["pin add", []],
    ["pin list", []],
    ["pin remove", []],
    ["doctor", []],
  ] as const)("%s: each example ends well", async (command, more) => {
    const { out } = await runClient([...command.split(" "), "--help"], { program });
    const lines = [...out.matchAll(/^ {2}\$ (\S+) (.+)$/gm)];
    expect(lines.map(([, called]) => called)).toEqual(lines.map(() => program));
    expect(lines.length).toBeGreaterThan(0);
    const lock = more.flatMap((flag) => [flag, folder.at(`${program}.lock`)]);
    for (const [, , line = ""] of lines) {
      const argv = [...inFolder(line.split(" ")), ...lock, ...flags];
      // A doctor holds the clock against the server's, which is the true one here.
      const clock = command === "doctor" ? { now: Date.now, env: { DOCKER_CONFIG: folder.path } } : {};
      const { code, err } = await runClient(argv, { program, answer: "yes", ...clock });
      expect({ line, code, err }).toMatchObject({ code: 0 });
    }
  });
});
