/** Images that people push and pull, with and without trust. */

import { type DockerPerson, digestOf, dockerRefusal, importImage, trusted } from "./docker.ts";
import type { DockerStage } from "./scenario.ts";

/** Makes an image, pushes it signed, and gives its digest. */
export async function pushTrusted(person: DockerPerson, stage: DockerStage, tag: string): Promise<string> {
  await importImage(person, `${stage.repository}:${tag}`, tag);
  return digestOf(await person.do(["push", trusted, `${stage.repository}:${tag}`]));
}

/** Makes an image and pushes it without a signature; the trust server hears nothing of it. */
export async function pushUnsigned(person: DockerPerson, stage: DockerStage, tag: string, content = tag) {
  await importImage(person, `${stage.repository}:${tag}`, content);
  return digestOf(await person.do(["push", "--disable-content-trust", `${stage.repository}:${tag}`]));
}

/** Pulls with verification after the engine has forgotten the tag; the digest or the refusal. */
export async function pull(person: DockerPerson, stage: DockerStage, tag: string): Promise<string> {
  await person.try(["rmi", `${stage.repository}:${tag}`]);
  const result = await person.try(["pull", trusted, `${stage.repository}:${tag}`]);
  return result.code === 0 ? digestOf(result) : dockerRefusal(result);
}
