/** What keys that were found in a stock client's directory are for, and what is to be done about each repository. */
import type { KeyHere, RepositoryStanding } from "../publisher/key-standing.ts";
import { type CliContext, formatTable, printable, printLine } from "./output.ts";

export interface ReportSource {
  readonly trustDirectory: string;
  /** Asked for what is signed today; without, the directory's own copy is what is known. */
  readonly server: string | undefined;
  readonly ca: string | undefined;
}

export interface KeyReport {
  readonly repositories: readonly (RepositoryStanding & { readonly asOf: "server" | "copy" })[];
  /** Repositories of which the directory has a copy that cannot be read. */
  readonly unreadable: readonly string[];
}

export async function keyReport(
  { trustDirectory, server, ca }: ReportSource,
  keys: readonly KeyHere[],
  { env }: Pick<CliContext, "env">,
): Promise<KeyReport> {
  const [{ readTrustCache }, { keyStanding }] = await Promise.all([
    import("../publisher/trust-cache.ts"),
    import("../publisher/key-standing.ts"),
  ]);
  const { repositories, unreadable } = await readTrustCache(trustDirectory);
  if (server === undefined) {
    return {
      repositories: repositories.map((files) => ({ ...keyStanding(files, keys), asOf: "copy" })),
      unreadable,
    };
  }
  const [{ openTrust }, { filesToday }] = await Promise.all([
    import("../client/trust.ts"),
    import("../publisher/files-today.ts"),
  ]);
  const trust = await openTrust({ server, policy: {}, environment: env, ...(ca !== undefined && { ca }) });
  try {
    const found: (RepositoryStanding & { readonly asOf: "server" | "copy" })[] = [];
    for (const files of repositories) {
      const { fetcher } = await trust.sender(files.repository);
      const today = await filesToday(files, fetcher, Date.now());
      found.push(
        today === undefined
          ? notThere(keyStanding(files, keys), server)
          : { ...keyStanding(today, keys), asOf: "server" },
      );
    }
    return { repositories: found, unreadable };
  } finally {
    await trust.close();
  }
}

/** What can be done with the keys comes after the repository is there. */
function notThere(standing: RepositoryStanding, server: string) {
  const first = `${server} does not have it, or has another history: take it over first, vidimus import notary or vidimus import trustdir`;
  return { ...standing, advice: [first, ...standing.advice], asOf: "copy" } as const;
}

export function sayReport(context: CliContext, { repositories, unreadable }: KeyReport): void {
  const rows = repositories.flatMap(({ repository, roles, asOf, rootVersion }) =>
    roles.map(({ role, threshold, keys, signable }) => [
      printable(repository),
      printable(role),
      `${threshold} of ${keys.map(({ id, here }) => `${id.slice(0, 12)}${here ? " (here)" : ""}`).join(", ") || "no key"}`,
      signable ? "yes" : "no",
      `root ${rootVersion}, ${asOf === "server" ? "the server's" : "the copy here"}`,
    ]),
  );
  if (rows.length > 0)
    printLine(context, formatTable([["REPOSITORY", "ROLE", "SIGNED BY", "CAN SIGN", "AS OF"], ...rows]));
  for (const { repository, advice } of repositories)
    for (const each of advice) printLine(context, `${printable(repository)}: ${printable(each)}.`);
  for (const repository of unreadable)
    context.stderr(`${printable(repository)}: the directory's copy of it cannot be read.\n`);
}
