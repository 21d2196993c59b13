/** `vidimus proposal export`, `sign-file` and `import`: a proposal on its way to a machine without a network, and back. */
import { statSync } from "node:fs";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { replaceFile } from "../../client/files/replace-file.ts";
import { PublishError } from "../../publisher/errors.ts";
import {
  baseOf,
  largestProposalFile,
  type ProposalFile,
  proposalFile,
  readProposalFile,
  withSignatures,
} from "../../publisher/proposal-file.ts";
import { entryOf } from "../../publisher/proposals.ts";
import { Opened, signedBy } from "../../publisher/publish.ts";
import { copyIfThere, review } from "../../publisher/review.ts";
import { printable, printJson, printLine } from "../output.ts";
import { idOf, isWanted, newIn, proposalsOf, reviewOf, sayState } from "./proposal-desk.ts";
import { reviewDocument, reviewText } from "./proposal-view.ts";
import { addPublishFlags, atAnyDesk, type Desk, type Publishing } from "./tools.ts";

export function addProposalFile(parent: Command, publishing: Publishing): void {
  const { context } = publishing;
  const out = parent
    .command("export")
    .description("write a proposal into one file, with what it rests on, for a machine without a network")
    .argument("<repository>", "name of the repository")
    .argument("<id>", "of the proposal")
    .argument("<file>", "to be written")
    .addHelpText(
      "after",
      examples("vidimus proposal export registry.acme.example/app 0123456789abcdef proposal.json"),
    );
  addPublishFlags(out).action(async (repository: string, id: string, path: string) => {
    await atAnyDesk(out, publishing, async (desk) => {
      const proposal = await (await proposalsOf(desk, repository)).get(await idOf(desk, repository, id));
      const { fetcher } = await desk.trust.sender(repository);
      const copy = await copyIfThere(desk.tools, repository);
      checkReplaceable(path, desk);
      await write(path, proposalFile(proposal, fetcher.origin, copy, desk.tools.now()));
      if (desk.json)
        printJson(context, {
          format: "vidimus-export/1",
          id: proposal.id,
          repository: proposal.repository,
          file: path,
        });
      else
        printLine(
          context,
          `Written to ${printable(path)}. On the other machine: vidimus proposal sign-file ${printable(path)}`,
        );
    });
  });

  const sign = parent
    .command("sign-file")
    .description("look at an exported proposal and sign it, without a network")
    .argument("<file>", "that was exported; the signatures are added to it")
    .option("--digest <hex>", "sign only if it is this that was seen before, and ask nobody")
    .option("--yes", "sign without asking")
    .addHelpText("after", examples("vidimus proposal sign-file proposal.json"));
  addPublishFlags(sign).action(async (path: string) => {
    const flags = sign.opts<{ digest?: string; yes?: true; input: boolean }>();
    await atAnyDesk(sign, publishing, async (desk) => {
      const given = read(path, desk);
      const { repository } = given.proposal;
      const { format, now } = desk.tools;
      const base = baseOf(given, printable(path), await desk.trust.ruling(repository), format, now());
      const found = await review(desk.tools, given.proposal, given.server, base);
      if (flags.digest !== undefined && flags.digest !== found.digest)
        throw new PublishError(
          "PROPOSAL_BAD",
          `The file has the digest ${found.digest}, not the one that was seen before: look at it again.`,
        );
      if (!desk.json)
        printLine(context, `${reviewText(found, desk.view)}\nAs it was at ${printable(given.exported)}.\n`);
      if (!(await isWanted(publishing, flags, [found]))) return;
      const opened = new Opened(desk.tools);
      try {
        const signatures = await signedBy(opened, found.draft, found.signatures);
        if (newIn(found.signatures, signatures).size === 0)
          throw new PublishError(
            "SIGNERS_MISSING",
            "No key here can add to this proposal: its missing signers are others.",
          );
        await write(path, withSignatures(given, signatures));
        const signed = await review(
          desk.tools,
          withSignatures(given, signatures).proposal,
          given.server,
          base,
        );
        if (desk.json) printJson(context, reviewDocument(signed));
        else
          printLine(
            context,
            `Signed. Bring ${printable(path)} back: vidimus proposal import ${printable(path)}`,
          );
      } finally {
        opened.close();
      }
    });
  });

  const back = parent
    .command("import")
    .description("send the signatures of a file to the server")
    .argument("<file>", "that was exported and signed")
    .addHelpText("after", examples("vidimus proposal import proposal.json"));
  addPublishFlags(back).action(async (path: string) => {
    await atAnyDesk(back, publishing, async (desk) => {
      const { proposal } = read(path, desk);
      const { id, repository } = proposal;
      const proposals = await proposalsOf(desk, repository);
      const signatures = new Map(proposal.files.map(({ role, signatures: all }) => [role, all.map(entryOf)]));
      const now = await proposals.get(await idOf(desk, repository, id));
      const known = new Map(now.files.map(({ role, signatures: all }) => [role, all.map(entryOf)]));
      const made = newIn(known, signatures);
      const copy = await copyIfThere(desk.tools, repository);
      const before = await reviewOf(desk, now, copy);
      if (now.state !== "open" || made.size === 0) {
        sayState(publishing, desk, before, desk.json);
        return;
      }
      const after = await proposals.sign(id, made);
      const found =
        after.state === "published" ? { ...before, proposal: after } : await reviewOf(desk, after, copy);
      sayState(publishing, desk, found, desk.json);
    });
  });
}

function read(path: string, { readFile }: Desk): ProposalFile {
  try {
    if (statSync(path).size <= largestProposalFile) return readProposalFile(readFile(path), printable(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof PublishError) throw error;
    throw new PublishError(
      "PROPOSAL_FILE_BAD",
      `${printable(path)} cannot be read (${code ?? "unknown error"}): name an exported proposal.`,
    );
  }
  throw new PublishError("PROPOSAL_FILE_BAD", `${printable(path)} is larger than a proposal can be.`);
}

/** An earlier export gives way, and nothing else does. */
function checkReplaceable(path: string, desk: Desk): void {
  const present = statSync(path, { throwIfNoEntry: false });
  if (present === undefined) return;
  try {
    if (present.isFile()) {
      read(path, desk);
      return;
    }
  } catch {
    // It is something else.
  }
  throw new PublishError(
    "PROPOSAL_FILE_BAD",
    `${printable(path)} is there, and is no exported proposal: name another file.`,
  );
}

async function write(path: string, file: ProposalFile): Promise<void> {
  try {
    await replaceFile(path, Buffer.from(`${JSON.stringify(file, null, 1)}\n`, "utf8"), 0o644);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PublishError(
      "STAGING_UNWRITABLE",
      `${printable(path)} cannot be written (${code ?? "unknown error"}): name another file.`,
    );
  }
}
