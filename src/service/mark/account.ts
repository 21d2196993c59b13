/** What is told of a loss and of its acceptance, one line each. */
import type { Behind } from "./behind.ts";
import type { Recovered } from "./recover.ts";

/** Roles that a line names. */
const mostRoles = 20;

export function lineOfLoss({ kind, repository, marked, files }: Behind): string {
  if (kind === "removal") return `${repository}: its removal is lost`;
  if (kind === "life") {
    return marked.exists
      ? `${repository}: all of it is lost`
      : `${repository}: a life of it is lost, which had ended by a removal`;
  }
  const named = files.slice(0, mostRoles).map(({ role, version, now }) => `${role} ${version} (now ${now})`);
  const more = files.length - named.length;
  return `${repository}: lost ${named.join(", ")}${more > 0 ? ` and ${more} more roles` : ""}`;
}

export function linesOfRecovery({ repository, made, open }: Recovered): readonly string[] {
  const signed = made.map(({ role, version }) => `${role} ${version}`).join(", ");
  const head = signed === "" ? "nothing was signed anew" : `signed anew: ${signed}`;
  return [`${repository}: ${head}`, ...open.map((sentence) => `  ${sentence}`)];
}
