/** `vidimus proposal sign` and `reject`: a person looks, decides, and signs that. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { isPlainText } from "../../core/plain-text.ts";
import { maxReason } from "../../core/rejection.ts";
import { signersOf } from "../../publisher/draft.ts";
import { PublishError } from "../../publisher/errors.ts";
import { Opened, signedBy } from "../../publisher/publish.ts";
import { copyIfThere, type Review, rejectionBy } from "../../publisher/review.ts";
import { printable, printJson, printLine } from "../output.ts";
import { isWanted, newIn, proposalsOf, reviewed, reviewOf, sayState } from "./proposal-desk.ts";
import { reviewDocument, reviewText } from "./proposal-view.ts";
import { addPublishFlags, atAnyDesk, type Desk, type Publishing } from "./tools.ts";

interface SignFlags {
  readonly release?: string;
  readonly digest?: string;
  readonly yes?: true;
  readonly input: boolean;
}

export function addProposalSign(parent: Command, publishing: Publishing): void {
  const sign = parent
    .command("sign")
    .description("look at a proposal, or at all of a release, and sign")
    .argument("[repository]", "name of the repository")
    .argument("[id]", "of the proposal")
    .option("--release <label>", "every open proposal of this release, with one unlocking")
    .option("--digest <hex>", "sign only if it is this that was seen before, and ask nobody")
    .option("--yes", "sign without asking")
    .addHelpText(
      "after",
      examples(
        "vidimus proposal sign registry.acme.example/app 0123456789abcdef",
        "vidimus proposal sign --release 2027.1",
      ),
    );
  addPublishFlags(sign).action(async (repository: string | undefined, id: string | undefined) => {
    const flags = sign.opts<SignFlags>();
    const { release, digest } = flags;
    if ((release === undefined) === (repository === undefined || id === undefined))
      sign.error("error: name a repository and a proposal, or --release");
    if (digest !== undefined && release !== undefined) sign.error("error: --digest is of one proposal");
    await atAnyDesk(sign, publishing, async (desk) => {
      const found =
        release === undefined
          ? [await reviewed(desk, repository ?? "", id ?? "")]
          : await allOf(desk, release);
      for (const each of found) refuseSettled(each);
      if (digest !== undefined && found[0]?.digest !== digest) {
        throw new PublishError(
          "PROPOSAL_BAD",
          `The proposal has the digest ${found[0]?.digest}, not the one that was seen before: look at it again.`,
        );
      }
      if (!desk.json)
        for (const each of found) printLine(publishing.context, `${reviewText(each, desk.view)}\n`);
      if (!(await isWanted(publishing, flags, found))) return;
      const opened = new Opened(desk.tools);
      try {
        const done: Review[] = [];
        for (const each of found) {
          desk.progress.tell(`signing ${done.length + 1} of ${found.length}: ${each.proposal.repository}`);
          done.push(await signOne(desk, opened, each));
        }
        if (desk.json && release !== undefined)
          printJson(publishing.context, {
            format: "vidimus-release/1",
            release,
            proposals: done.map(reviewDocument),
          });
        else for (const each of done) sayState(publishing, desk, each, desk.json);
      } finally {
        opened.close();
      }
    });
  });

  const reject = parent
    .command("reject")
    .description("end a proposal by a signed rejection: for who could sign it")
    .argument("<repository>", "name of the repository")
    .argument("<id>", "of the proposal")
    .requiredOption("--reason <text>", "why")
    .addHelpText(
      "after",
      examples(
        "vidimus proposal reject registry.acme.example/app 0123456789abcdef --reason 'not what we built'",
      ),
    );
  addPublishFlags(reject).action(async (repository: string, id: string) => {
    const { reason } = reject.opts<{ reason: string }>();
    if (reason.trim() === "" || reason.length > maxReason || !isPlainText(reason, "one line"))
      reject.error(`error: --reason takes one line of 1 to ${maxReason} characters that can be seen`);
    await atAnyDesk(reject, publishing, async (desk) => {
      const found = await reviewed(desk, repository, id);
      refuseSettled(found);
      const opened = new Opened(desk.tools);
      try {
        const key = await opened.key(await firstHere(opened, found));
        const { role, statement, signature } = await rejectionBy(key, found, reason);
        const ended = await (await proposalsOf(desk, repository)).reject(
          found.proposal.id,
          role,
          statement,
          signature,
        );
        sayState(publishing, desk, { ...found, proposal: ended }, desk.json);
      } finally {
        opened.close();
      }
    });
  });
}

async function allOf(desk: Desk, release: string): Promise<readonly Review[]> {
  const all = await (await proposalsOf(desk, "vidimus/list")).list({ release, state: "open" });
  const sorted = [...all].sort((a, b) => (a.repository < b.repository ? -1 : 1));
  const found: Review[] = [];
  for (const { repository, id } of sorted) {
    desk.progress.tell(`reading ${found.length + 1} of ${sorted.length}: ${repository}`);
    found.push(await reviewed(desk, repository, id));
  }
  if (found.length > 0) return found;
  throw new PublishError(
    "PROPOSAL_UNKNOWN",
    `There is no open proposal of the release ${printable(release)}: see vidimus proposal list --all.`,
  );
}

/**
 * Signs with the keys that are here and missing, and gives what became of it. Where nothing is missing, it is brought up again: it
 * waits for one who may publish. Throws `SIGNERS_MISSING`.
 */
async function signOne(desk: Desk, opened: Opened, found: Review): Promise<Review> {
  const { draft, signatures, proposal } = found;
  const all = await signedBy(opened, draft, signatures);
  const made = newIn(signatures, all);
  if (made.size === 0 && !found.standing.every(({ needed, signed }) => signed.length >= needed)) {
    throw new PublishError(
      "SIGNERS_MISSING",
      `No key here can add to the proposal ${proposal.id} of ${printable(proposal.repository)}: its missing signers are others.`,
    );
  }
  const after = await (await proposalsOf(desk, proposal.repository)).sign(proposal.id, made);
  const copy = after.state === "published" ? undefined : await copyIfThere(desk.tools, proposal.repository);
  return after.state === "published"
    ? { ...found, proposal: after }
    : reviewOf(desk, after, copy, found.server);
}

async function firstHere(opened: Opened, { draft, proposal }: Review): Promise<string> {
  const signers = signersOf(draft);
  for (const id of signers) if (await opened.has(id)) return id;
  const fault = await opened.hiding((id) => signers.has(id));
  if (fault !== undefined) throw fault;
  throw new PublishError(
    "SIGNERS_MISSING",
    `No key here could sign the proposal ${proposal.id}, so none can reject it.`,
  );
}

function refuseSettled({ proposal: { id, repository, state, reason } }: Review): void {
  if (state === "open") return;
  throw new PublishError(
    "PROPOSAL_OVER",
    `The proposal ${id} of ${printable(repository)} is ${state}${reason === "" ? "" : ` (${printable(reason)})`}: there is nothing to sign.`,
  );
}
