/** Signers with keys of their own, and what `docker trust inspect` says of them. */

import type { DockerPerson } from "./docker.ts";
import { pushTrusted } from "./docker-images.ts";
import { namesAndRoles } from "./notary.ts";
import type { DockerStage } from "./scenario.ts";

/** Generates a signer's key in the person's store; the path of the public half. */
export async function generateKey(person: DockerPerson, name: string): Promise<string> {
  await person.do(["trust", "key", "generate", name]);
  return `${person.directory}/${name}.pub`;
}

export function addSigner(person: DockerPerson, stage: DockerStage, name: string, key: string) {
  return person.do(["trust", "signer", "add", "--key", key, name, stage.repository]);
}

/** A repository with `v1` signed by its owner in `targets`, and alice, a signer with her own key. */
export async function signed(stage: DockerStage) {
  const [owner, alice] = [stage.docker("owner"), stage.docker("alice")];
  const digest = await pushTrusted(owner, stage, "v1");
  const key = await generateKey(alice, "alice");
  await addSigner(owner, stage, "alice", key);
  return { owner, alice, digest };
}

/** What `docker trust inspect` says: signers of each tag, all signers, names of the administrative keys. */
export async function inspect(person: DockerPerson, stage: DockerStage) {
  const { stdout } = await person.do(["trust", "inspect", stage.repository]);
  const [found] = JSON.parse(stdout) as {
    SignedTags: { SignedTag: string; Signers: string[] }[];
    Signers: { Name: string }[];
    AdministrativeKeys: { Name: string }[];
  }[];
  return {
    tags: (found?.SignedTags ?? []).map(({ SignedTag, Signers }) => `${SignedTag}: ${[...Signers].sort()}`),
    signers: (found?.Signers ?? []).map(({ Name }) => Name).sort(),
    keys: (found?.AdministrativeKeys ?? []).map(({ Name }) => Name).sort(),
  };
}

/** `name@role` of everything a new reader sees in one role. */
export async function inRole(stage: DockerStage, role: string): Promise<string[]> {
  return namesAndRoles(await stage.person("reader").do(["list", stage.repository, "-r", role]));
}
