/** Proposals that a key signed which is denied by now, as people see them. */
import { expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const name = "example.test/denied";

it("tells whose signature does not count, and lets another sign in its place", async () => {
  const server = await runningServer();
  const [alice, bob, carol] = [new Person(server), new Person(server), new Person(server)];
  await alice.key("root");
  const stolen = await alice.key("alice");
  const [b, c] = [await bob.key("bob"), await carol.key("carol")];
  alice.home.write("bob.pem", b.pem);
  alice.home.write("carol.pem", c.pem);
  const others = [alice.home.at("bob.pem"), alice.home.at("carol.pem")];
  const listed = ["alice", ...others].flatMap((key) => ["--targets", key]);
  await alice.well("repo", "init", name, "--root", "root", ...listed, ...alice.trusted());
  await alice.well("threshold", "set", name, "targets", "2");
  for (const each of [bob, carol]) {
    each.home.write("trust.yaml", alice.home.read("trust.yaml").replaceAll(alice.home.path, each.home.path));
  }
  const opened = async () =>
    (JSON.parse((await alice.well("proposal", "open", name, "--json")).out) as { id: string }).id;
  await bob.well("proposal", "sign", name, await opened(), "--yes");

  await alice.well("add", name, "v1", alice.home.at("file"));
  const id = await opened();
  await bob.well("key", "deny", stolen.id, "--no-repair");
  const half = await bob.well("proposal", "sign", name, id, "--yes");
  expect(half.out).toContain(`Proposal ${id} of ${name} is open. The server says: what `);
  expect(half.out).toContain("targets: 1 of 2 signed (bob), 1 more of ");
  const shown = await alice.well("proposal", "show", name, id);
  expect(shown.out).toContain("what alice signed does not count, for the operator has denied that key");
  expect(shown.out).not.toContain("To sign it:");
  expect((await alice.well("proposal", "show", name, id, "--json")).json()).toMatchObject({
    needs: [{ signed: [b.id], missing: [c.id] }],
    said: { denied: [stolen.id] },
  });
  expect((await alice.run("proposal", "sign", name, id, "--yes")).code).toBe(exitCodes.signers.code);
  const done = await carol.well("proposal", "sign", name, id, "--yes");
  expect(done.out).toContain(`Proposal ${id} of ${name} is published.`);

  // What lacks nothing but that signature is published when the key is allowed, and not at some later look.
  await bob.well("key", "allow", stolen.id);
  await alice.well("add", name, "v2", alice.home.at("file"));
  const next = await opened();
  await bob.well("key", "deny", stolen.id, "--no-repair");
  await bob.well("proposal", "sign", name, next, "--yes");
  await bob.well("key", "allow", stolen.id);
  expect((await alice.well("proposal", "show", name, next)).out).toContain("published");
});
