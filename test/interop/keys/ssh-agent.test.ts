/** OpenSSH's own agent: the contract of custody, and what it does that a stand-in might not. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, inject, it } from "vitest";
import { sshAgent } from "../../../src/publisher/custody/ssh-agent.ts";
import { Answers, custodyContract, keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { run } from "../support/process.ts";
import { addKey, addSecurityKey, type RealAgent, sshKey, startSshAgent } from "../support/ssh-agent.ts";

const message = Buffer.from('{"_type":"Targets","version":1}');
const nobody = new Answers();

const agents: RealAgent[] = [];
afterAll(async () => {
  for (const agent of agents) await agent.stop();
});

async function agentOf(env: Readonly<Record<string, string>> = {}) {
  const directory = mkdtempSync(join(inject("scratch"), "agent-"));
  const agent = await startSshAgent(directory, env);
  agents.push(agent);
  const add = async (...args: readonly string[]) => {
    const { code, stderr } = await agent.add(args);
    if (code !== 0) throw new Error(`ssh-add: ${stderr}`);
  };
  return { directory, agent, add, custody: sshAgent({ path: agent.path }) };
}

/** A program that answers every question of the agent or of `ssh-add` alike. */
function askpass(directory: string, name: string, script: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

describe.skipIf(!inject("sshAgent"))("with the real ssh-agent", () => {
  custodyContract("OpenSSH's agent", {
    algorithms: ["ecdsa", "ed25519", "rsa"],
    listsLocked: true,
    secret: undefined,
    largestMessage: 250_000,
    async place(keys) {
      const { agent } = await agentOf();
      for (const [at, key] of keys.entries()) await addKey(agent, key, `key ${at}`);
      return {
        open: async () => sshAgent({ path: agent.path }),
        stored: async () => (await agent.add(["-L"])).stdout,
      };
    },
    nowhere: async () => sshAgent({ environment: { SSH_AUTH_SOCK: "/nowhere/agent.sock" } }),
  });

  it.each([
    ["ecdsa", ["-b", "256"], "ecdsa"],
    ["ed25519", [], "eddsa"],
    ["rsa", ["-b", "3072"], "rsapkcs1v15"],
  ])("keys of ssh-keygen and ssh-add sign: %s", async (type, more, method) => {
    const { directory, agent, add, custody } = await agentOf();
    await add(await sshKey(directory, type, "release key", more));
    const [info] = await custody.list();
    expect(info).toMatchObject({ name: "release key", place: "ssh-agent (release key)", locked: false });
    const [, fingerprint = ""] = (await agent.add(["-l"])).stdout.split(" ");
    for (const asked of [info?.id ?? "", fingerprint, "release key"]) {
      const key = await custody.open(asked, nobody);
      const made = await key.sign(message);
      expect(made.method).toBe(method);
      expect(verifies(key.info.listed, message, made)).toBe(true);
    }
  });

  it("security keys, certificates and other curves are not listed, and each is refused with its reason", async () => {
    const { directory, agent, add, custody } = await agentOf();
    const key = generateKeyPairSync("ed25519").privateKey;
    await addSecurityKey(agent, key, "touch me");
    await add(await sshKey(directory, "ecdsa", "of 384 bits", ["-b", "384"]));
    const authority = await sshKey(directory, "ed25519", "authority");
    const certified = await sshKey(directory, "ed25519", "certified");
    const args = ["-q", "-s", authority, "-I", "me", "-n", "me", `${certified}.pub`];
    await run("ssh-keygen", args, { env: { PATH: process.env.PATH ?? "" } });
    await add(certified);

    // ssh-add added the key itself along with its certificate: that is one key, and it signs.
    expect((await custody.list()).map(({ name }) => name)).toEqual(["certified"]);
    const faults = (await custody.faults?.()) ?? [];
    expect(faults.map(({ code }) => code)).toEqual(["KEY_UNSUPPORTED", "KEY_UNSUPPORTED"]);
    expect(faults[0]?.message).toMatch(/touch me.*envelope/);
    expect(await keyCodeOf(custody.open(listedKey(key).id, nobody))).toBe("KEY_UNSUPPORTED");
    expect(await keyCodeOf(custody.open("of 384 bits", nobody))).toBe("KEY_UNSUPPORTED");
  });

  it("who confirms signs, and who does not is told", async () => {
    for (const [answer, code] of [
      ["exit 0", 0],
      ["exit 1", 1],
    ] as const) {
      const scratch = mkdtempSync(join(inject("scratch"), "askpass-"));
      const env = { SSH_ASKPASS: askpass(scratch, "ask", answer), DISPLAY: ":0" };
      const { directory, add, custody } = await agentOf(env);
      await add("-c", await sshKey(directory, "ed25519", "asks"));
      const key = await custody.open("asks", nobody);
      if (code === 0) expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
      else expect(await keyCodeOf(key.sign(message))).toBe("AGENT_REFUSED");
    }
  });

  it("a locked agent shows no key, and signs with none that was opened before", async () => {
    const { directory, agent, add, custody } = await agentOf();
    await add(await sshKey(directory, "ed25519", "key"));
    const key = await custody.open("key", nobody);
    const env = { SSH_ASKPASS: askpass(directory, "ask", "echo secret"), SSH_ASKPASS_REQUIRE: "force" };
    expect((await agent.add(["-x"], env)).code).toBe(0);
    expect(await custody.list()).toEqual([]);
    expect(await keyCodeOf(custody.open("key", nobody))).toBe("KEY_UNKNOWN");
    expect(await keyCodeOf(key.sign(message))).toBe("AGENT_REFUSED");
    expect((await agent.add(["-X"], env)).code).toBe(0);
    expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
  });

  it("a key that was removed signs no more", async () => {
    const { directory, agent, add, custody } = await agentOf();
    await add(await sshKey(directory, "ed25519", "key"));
    const key = await custody.open("key", nobody);
    await agent.add(["-D"]);
    expect(await keyCodeOf(key.sign(message))).toBe("AGENT_REFUSED");
  });

  it("the largest message that we send is one that the agent takes", async () => {
    const { directory, add, custody } = await agentOf();
    await add(await sshKey(directory, "ed25519", "key"));
    const key = await custody.open("key", nobody);
    // Type, flags, three lengths, and the blob of the key: 4 + 11 + 4 + 32.
    const most = 262_144 - 1 - 4 - 4 - 4 - 51;
    const bytes = Buffer.alloc(most, 7);
    expect(verifies(key.info.listed, bytes, await key.sign(bytes))).toBe(true);
    expect(await keyCodeOf(key.sign(Buffer.alloc(most + 1)))).toBe("AGENT_REFUSED");
  });
});
