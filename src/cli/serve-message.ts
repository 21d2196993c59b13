/** What `serve` prints when it is ready: where it is, and lines to paste for stock clients. Pure. */
import type { RunningServer } from "../serve/server.ts";
import { shellWord } from "./shell-word.ts";

export interface ServerFacts extends Pick<RunningServer, "url" | "directory" | "authority" | "operations"> {
  /** How callers are known. */
  readonly mode: "none" | "token" | "builtin";
  /** Flags that it was started with and by which other commands find it, with a space before each. */
  readonly place: string;
}

function forClients({ url, authority }: ServerFacts): string[] {
  if (!url.startsWith("https:")) {
    return ["Stock clients speak HTTPS only: put a proxy with TLS in front of this address for them."];
  }
  const folder = `~/.docker/tls/${new URL(url).host}`;
  const copy =
    authority === undefined
      ? []
      : [`  mkdir -p ${folder} && cp ${shellWord(authority.file)} ${folder}/ca.crt`];
  const flag = authority === undefined ? "" : ` --tlscacert ${shellWord(authority.file)}`;
  return [
    "For docker trust, docker push and docker pull:",
    ...copy,
    "  export DOCKER_CONTENT_TRUST=1",
    `  export DOCKER_CONTENT_TRUST_SERVER=${url}`,
    "",
    "For notary (GUN is the repository's name):",
    `  notary -s ${url}${flag} list GUN`,
  ];
}

/** What those lines take where callers have to be known. */
function forCallers({ mode, place }: ServerFacts): string[] {
  if (mode === "none") return [];
  const known =
    "Both are asked who they are: docker gives what docker login keeps for the registry, notary what NOTARY_AUTH has (base64 of NAME:PASSWORD).";
  if (mode === "token") return ["", known];
  return [
    "",
    known,
    "To say who there is, as this user on this machine:",
    `  vidimus user add NAME${place}`,
    `  vidimus acl add user:NAME 'registry.example.org/**' pull,push${place}`,
    `  vidimus acl add user:NAME '**' admin${place}`,
  ];
}

/** Lines without the last newline. */
export function readyMessage(facts: ServerFacts): string {
  const { url, directory, authority, operations } = facts;
  return [
    `Vidimus listens on ${url}`,
    ...(operations === undefined ? [] : [`  metrics and probes  ${operations}`]),
    `  data                ${directory}`,
    ...(authority === undefined
      ? []
      : [`  CA                  ${authority.file}`, `  CA SHA-256          ${authority.fingerprint}`]),
    "",
    ...forClients(facts),
    ...forCallers(facts),
  ].join("\n");
}
