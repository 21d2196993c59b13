/** `vidimus proposal`: signatures of several people on one publication. */
import { Command, Option } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { RepositoryCopy } from "../../client/repository-copy.ts";
import type { Draft } from "../../publisher/draft.ts";
import { PublishError } from "../../publisher/errors.ts";
import { pinOutlookOf } from "../../publisher/pin-outlook.ts";
import type { Proposal } from "../../publisher/proposals.ts";
import { draftFor, Opened } from "../../publisher/publish.ts";
import { count } from "../../publisher/words.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import {
  idOf,
  proposalsOf,
  propose,
  reviewed,
  reviewOf,
  sayEnd,
  sayNext,
  sayState,
} from "./proposal-desk.ts";
import { addProposalFile } from "./proposal-file.ts";
import { addProposalSign } from "./proposal-sign.ts";
import { nextText, reviewDocument, reviewText } from "./proposal-view.ts";
import { addPublishFlags, atAnyDesk, type Desk, type Publishing, stagedFor } from "./tools.ts";

export function addProposal(parent: Command, publishing: Publishing): void {
  const proposal = new Command("proposal")
    .description("collect the signatures of several people")
    .copyInheritedSettings(parent);
  addOpen(proposal, publishing);
  addList(proposal, publishing);
  addShow(proposal, publishing);
  addProposalSign(proposal, publishing);
  addCancel(proposal, publishing);
  addWatch(proposal, publishing);
  addProposalFile(proposal, publishing);
  parent.addCommand(proposal);
}

function addOpen(parent: Command, publishing: Publishing): void {
  const open = parent
    .command("open")
    .description("propose what is staged, signed by the keys that are here")
    .argument("<repository>", "name of the repository")
    .option("--note <text>", "what the others should know")
    .option("--release <label>", "what belongs together with other repositories")
    .option("--lifetime <days>", "how long signatures are collected (default: 30)")
    .option("--expires <days>", "until when what is signed is good, in days (default: root 730, others 365)")
    .addHelpText("after", examples("vidimus proposal open registry.acme.example/app --release 2027.1"));
  addPublishFlags(open).action(async (repository: string) => {
    const { note, release, lifetime } = open.opts<{ note?: string; release?: string; lifetime?: string }>();
    if (lifetime !== undefined && !/^[1-9][0-9]{0,2}$/.test(lifetime))
      open.error("error: --lifetime takes whole days, 1 to 366");
    await atAnyDesk(open, publishing, async (desk) => {
      const { tools, trust, staging } = desk;
      const staged = await stagedFor(desk, repository);
      const copy = await trust.copy(repository);
      const draft = draftFor(tools, copy, staged.edits);
      if (draft.files.length === 0)
        throw new PublishError(
          "NOTHING_STAGED",
          `All that is staged for ${printable(repository)} is published already.`,
        );
      await openProposal(publishing, desk, copy, draft, { note, release, lifetime }, () =>
        staging.remove(staged, staged.edits),
      );
    });
  });
}

export interface Opening {
  readonly note?: string | undefined;
  readonly release?: string | undefined;
  /** Days. */
  readonly lifetime?: string | undefined;
}

/** Opens a proposal of a draft, signed by the keys that are here. @param kept what is to be done once the server has it */
export async function openProposal(
  publishing: Publishing,
  desk: Desk,
  copy: RepositoryCopy,
  draft: Draft,
  { note, release, lifetime }: Opening,
  kept?: () => Promise<unknown>,
): Promise<void> {
  const { tools, json } = desk;
  const outlook = await pinOutlookOf(tools, draft, new Map());
  if (outlook !== undefined) tools.foresaw?.(outlook, draft.repository);
  const opened = new Opened(tools);
  try {
    const made = await propose(desk, opened, draft, {
      ...(note !== undefined && { note }),
      ...(release !== undefined && { release }),
      ...(lifetime !== undefined && { lifetime: Number(lifetime) * 86_400 }),
    });
    await kept?.();
    sayState(publishing, desk, await reviewOf(desk, made, copy), json);
    if (!json) sayNext(publishing, made);
  } finally {
    opened.close();
  }
}

function addList(parent: Command, publishing: Publishing): void {
  const { context } = publishing;
  const list = parent
    .command("list")
    .description("list proposals, newest first")
    .argument("[repository]", "only of this one (default: of all on the server)")
    .addOption(
      new Option("--state <state>", "those in this state alone").choices([...states, "all"]).default("open"),
    )
    .option("--all", "in any state, as --state all")
    .option("--release <label>", "only of this release")
    .addHelpText("after", examples("vidimus proposal list", "vidimus proposal list --release 2027.1 --all"));
  addPublishFlags(list).action(async (repository: string | undefined) => {
    const { state, all, release } = list.opts<{ state: string; all?: true; release?: string }>();
    const wanted = all === true || state === "all" ? undefined : state;
    await atAnyDesk(list, publishing, async (desk) => {
      // Any name leads to the server that the policy names for all.
      const found = await (await proposalsOf(desk, repository ?? "vidimus/list")).list({
        ...(repository !== undefined && { repository }),
        ...(release !== undefined && { release }),
        ...(wanted !== undefined && { state: wanted }),
      });
      if (desk.json) {
        printJson(context, { format: "vidimus-proposals/1", proposals: found });
        return;
      }
      const rows = found.map((each) =>
        [
          each.id,
          each.repository,
          each.state,
          each.files
            .map(({ role, version, signedBy: by }) => `${role} ${version} (${by.length} signed)`)
            .join(", "),
          each.release,
          each.expires.slice(0, 10),
        ].map(printable),
      );
      const head = ["PROPOSAL", "REPOSITORY", "STATE", "FILES", "RELEASE", "UNTIL"];
      printLine(
        context,
        rows.length === 0 ? nothingListed(repository, wanted, release) : formatTable([head, ...rows]),
      );
    });
  });
}

function nothingListed(
  repository: string | undefined,
  state: string | undefined,
  release: string | undefined,
): string {
  const of = repository === undefined ? "" : ` of ${printable(repository)}`;
  const label = release === undefined ? "" : ` in the release ${printable(release)}`;
  const more = state === undefined ? "" : " Those in other states are listed with --all.";
  return `There is no ${state === undefined ? "" : `${state} `}proposal${of}${label}.${more}`;
}

/** As the server has them (docs/proposals.md). */
const states = ["open", "published", "rejected", "cancelled", "expired", "superseded"];

function addShow(parent: Command, publishing: Publishing): void {
  for (const [name, what] of [
    ["show", "show what a proposal changes, who has signed it, who is missing"],
    ["diff", "the same"],
  ] as const) {
    const show = parent
      .command(name)
      .description(what)
      .argument("<repository>", "name of the repository")
      .argument("<id>", "of the proposal")
      .addHelpText("after", examples(`vidimus proposal ${name} registry.acme.example/app 0123456789abcdef`));
    addPublishFlags(show).action(async (repository: string, id: string) => {
      await atAnyDesk(show, publishing, async (desk) => {
        const found = await reviewed(desk, repository, id);
        if (desk.json) printJson(publishing.context, reviewDocument(found));
        else printLine(publishing.context, `${reviewText(found, desk.view)}${nextText(found, desk.view)}`);
      });
    });
  }
}

function addCancel(parent: Command, publishing: Publishing): void {
  const cancel = parent
    .command("cancel")
    .description("end a proposal without a signature")
    .argument("<repository>", "name of the repository")
    .argument("<id>", "of the proposal")
    .addHelpText("after", examples("vidimus proposal cancel registry.acme.example/app 0123456789abcdef"));
  addPublishFlags(cancel).action(async (repository: string, id: string) => {
    await atAnyDesk(cancel, publishing, async (desk) => {
      const ended = await (await proposalsOf(desk, repository)).cancel(await idOf(desk, repository, id));
      sayEnd(publishing, desk, ended);
    });
  });
}

function addWatch(parent: Command, publishing: Publishing): void {
  const watch = parent
    .command("watch")
    .description("wait until a proposal is published, or has ended otherwise")
    .argument("<repository>", "name of the repository")
    .argument("<id>", "of the proposal")
    .option("--until <state>", "published, or settled: ended in whatever way", "published")
    .option("--timeout <seconds>", "how long to wait (default: until it expires)")
    .addHelpText(
      "after",
      examples("vidimus proposal watch registry.acme.example/app 0123456789abcdef --timeout 60"),
    );
  addPublishFlags(watch).action(async (repository: string, id: string) => {
    const { until, timeout } = watch.opts<{ until: string; timeout?: string }>();
    if (until !== "published" && until !== "settled")
      watch.error("error: --until takes published or settled");
    if (timeout !== undefined && !/^[1-9][0-9]{0,6}$/.test(timeout))
      watch.error("error: --timeout takes whole seconds");
    await atAnyDesk(watch, publishing, async (desk) => {
      const end =
        timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(timeout) * 1_000;
      const proposals = await proposalsOf(desk, repository);
      const whole = await idOf(desk, repository, id);
      let now = await proposals.get(whole);
      while (now.state === "open" && performance.now() < end) {
        const signed = now.files.map(({ role, signatures }) => `${role} ${signatures.length} signed`);
        desk.progress.tell(`waiting for ${id}: ${signed.join(", ")}`);
        const seconds = Math.max(1, Math.min(longestWait, Math.ceil((end - performance.now()) / 1_000)));
        now = await proposals.wait(whole, now.revision, seconds);
      }
      if (now.state === "open") {
        sayWaiting(publishing, desk, now, timeout ?? "");
        publishing.finish(exitCodes.proposalWaiting.code);
        return;
      }
      sayEnd(publishing, desk, now);
      if (until === "published" && now.state !== "published") publishing.finish(exitCodes.proposalOver.code);
    });
  });
}

/** The time is over, and it is not. Who is missing is derived by `show`, and not told by the server. */
function sayWaiting(publishing: Publishing, desk: Desk, now: Proposal, seconds: string): void {
  if (desk.json) {
    sayEnd(publishing, desk, now);
    return;
  }
  const signed = now.files.map(
    ({ role, signatures }) => `${role} has ${count(signatures.length, "signature")}`,
  );
  const show = `vidimus proposal show ${now.repository} ${now.id}`;
  const time = count(Number(seconds), "second");
  printLine(
    publishing.context,
    printable(
      `Proposal ${now.id} of ${now.repository} is still open after ${time}: ${signed.join(", ")}. Who is missing: ${show}`,
    ),
  );
}

/** Seconds of one question; the server answers sooner where something happens. */
const longestWait = 20;
