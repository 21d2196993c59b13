/** A process that is killed between the last signature and the publication. */
import { expect, it } from "vitest";
import { bareService } from "../../support/bare-service.ts";
import { startChild } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { openRequest, signaturesBy } from "../../support/proposing.ts";
import { listed, newKey, Owner } from "../../support/publisher.ts";

const repository = "example.org/killed";
const who = { name: "tester", method: "none", address: "" } as const;

it("a start publishes, once, what was signed by everybody before kill -9", async () => {
  const directory = temporaryDirectory();
  const first = await bareService(directory);
  const key = async (role: "timestamp" | "snapshot") => {
    const { keytype, public: text } = await first.service.onlineKey(repository, role, who);
    return listed(keytype, text);
  };
  const [timestamp, snapshot] = [await key("timestamp"), await key("snapshot")];
  const owner = await Owner.make(repository, { at: Date.now(), timestamp, snapshot });
  const second = newKey();
  owner.root.keys.targets.push(second.listed);
  owner.root.thresholds.targets = 2;
  owner.targets.signers = [owner.targetsKey, second];
  const uploaded = [...owner.first()].map(([role, bytes]) => ({ role, bytes }));
  await first.service.publish(repository, uploaded, who);
  owner.addTarget("app");
  const files = owner.next("targets");
  const { id } = await first.service.proposals.open(repository, openRequest(files), who, true);
  await first.service.proposals.sign(
    repository,
    id,
    signaturesBy(owner.targetsKey, files, "targets"),
    who,
    true,
  );
  await first.service.close();

  const signatures = signaturesBy(second, files, "targets").map(({ role, signatures: [entry] }) => ({
    role,
    ...entry,
    signature: Buffer.from(entry?.signature ?? []).toString("base64"),
  }));
  const child = startChild("last-signer.ts", [directory, JSON.stringify({ repository, id, signatures })]);
  await child.line("at the commit");
  await child.kill();

  const { store, service } = await bareService(directory);
  const before = await store.state(repository);
  expect(before.current.get("targets")?.version).toBe(1);
  expect(await service.proposals.get(repository, id)).toMatchObject({ state: "open", complete: true });
  await service.start();
  await expect.poll(async () => (await service.proposals.get(repository, id)).state).toBe("published");
  const after = await store.state(repository);
  expect([after.revision, after.current.get("targets")?.version]).toEqual([before.revision + 1, 2]);
  await service.close();
});
