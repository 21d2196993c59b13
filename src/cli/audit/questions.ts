/** `vidimus audit …`: questions about the past, each for any instant. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags } from "../../client/cli/flags.ts";
import { addFormFlags, type FormFlags } from "../forms.ts";
import type { Publishing } from "../publishing/tools.ts";
import { askingServer } from "./desk.ts";
import { keyIdOf } from "./key-id.ts";
import { type Line, printLines } from "./table.ts";

interface Question {
  readonly name: string;
  readonly description: string;
  /** Arguments by the name that the server gives them; those in brackets may be left out. */
  readonly takes: readonly (readonly [argument: string, parameter: string, description: string])[];
  readonly flags: readonly (readonly [flag: string, parameter: string, description: string])[];
  readonly columns: readonly string[];
  readonly fields: readonly string[];
  readonly nothing: string;
  readonly examples: readonly string[];
}

const app = "registry.acme.example/app";
const repository = [
  "[repository]",
  "repository",
  "only of this one (default: of all on the server)",
] as const;
const theRepository = ["<repository>", "repository", "name of the repository"] as const;
const role = ["--role <role>", "role", "only of this role"] as const;
/** All that the server says of a line, in its order. */
const words = (names: string) => names.split(" ");
const days = (description: string) => ["--days <days>", "days", description] as const;

/** Each asks the server the question of its name. */
export const questions: readonly Question[] = [
  {
    name: "could-sign",
    description: "who could sign a target: keys, thresholds, and through which delegations",
    takes: [theRepository, ["<path>", "path", "name of the target"]],
    flags: [],
    columns: ["role", "inForce", "threshold", "keys", "paths", "through", "since", "standing"],
    fields: words(
      "role inForce threshold keys keysSince usable paths through since orEarlier standing version digest",
    ),
    nothing: "Nobody could: there was no such repository then.",
    examples: [
      `vidimus audit could-sign ${app} 1.2`,
      `vidimus audit could-sign ${app} 1.2 --at 2026-06-01T00:00:00Z --csv`,
    ],
  },
  {
    name: "signatures",
    description: "who signed what, when it was published, with which key, and since when that counts",
    takes: [repository],
    flags: [["--key <id>", "key", "only by this key: everything that it ever signed"], role],
    columns: [
      "repository",
      "role",
      "version",
      "key",
      "publishedAt",
      "publishedBy",
      "validSince",
      "currentUntil",
    ],
    fields: words(
      "repository role version sha256 publishedAt publishedBy currentUntil expires needed counted kept key listedAs as validSince",
    ),
    nothing: "Nothing was signed.",
    examples: [
      `vidimus audit signatures ${app} --role targets`,
      `vidimus audit signatures --key ${"0123456789abcdef".repeat(4)} --csv`,
    ],
  },
  {
    name: "changes",
    description: "what changed between two versions of a role, with what weakens marked",
    takes: [theRepository, ["<role>", "role", "root, targets or a delegation"]],
    flags: [
      ["--to <version>", "to", "the later version (default: the one that was current)"],
      ["--from <version>", "from", "the earlier one (default: the one before; 0: none)"],
    ],
    columns: ["weakens", "kind", "subject", "before", "after"],
    fields: words("kind weakens file subject before after"),
    nothing: "Nothing changed but the version.",
    examples: [
      `vidimus audit changes ${app} targets --from 0 --to 1 --json`,
      `vidimus audit changes ${app} targets`,
    ],
  },
  {
    name: "keys",
    description: "where keys may sign",
    takes: [repository],
    flags: [["--key <id>", "key", "only this key"]],
    columns: ["key", "repository", "role", "threshold", "by", "since", "inForce"],
    fields: words("key repository role threshold by since orEarlier inForce listedAs"),
    nothing: "No key may sign anything.",
    examples: [`vidimus audit keys ${app}`],
  },
  {
    name: "shared-keys",
    description: "keys that serve several roles or repositories",
    takes: [repository],
    flags: [],
    columns: ["key", "repository", "role", "by", "inForce"],
    fields: words("key repository role threshold by inForce listedAs"),
    nothing: "Every key serves one role of one repository.",
    examples: ["vidimus audit shared-keys --csv"],
  },
  {
    name: "silent-keys",
    description: "keys that may sign and have not for a long time",
    takes: [repository],
    flags: [days("for so many days (default: 365)")],
    columns: ["key", "repository", "role", "threshold", "since", "lastSigned", "lookedBackTo"],
    fields: words("key repository role threshold since orEarlier lastSigned lookedBackTo"),
    nothing: "Every key has signed since.",
    examples: ["vidimus audit silent-keys --days 365"],
  },
  {
    name: "person",
    description: "which repositories trust a person, by the register of keys",
    takes: [["<owner>", "owner", "as in the register: vidimus register list"], repository],
    flags: [],
    columns: ["owner", "key", "repository", "role", "threshold", "by", "custody"],
    fields: words("owner custody key repository role threshold by since orEarlier inForce listedAs"),
    nothing: "No repository lists a key that the register says is theirs.",
    examples: ["vidimus audit person 'Ann A.'"],
  },
  {
    name: "old-signatures",
    description: "targets that were signed, or first seen here, long ago",
    takes: [repository],
    flags: [days("more than so many days ago (default: 365)"), role],
    columns: ["repository", "role", "name", "digest", "since", "by", "atLeast"],
    fields: words("repository role name digest since by atLeast"),
    nothing: "Nothing is that old.",
    examples: ["vidimus audit old-signatures --days 180 --csv"],
  },
  {
    name: "what-if",
    description:
      "what would break, as clients see it, if a key were revoked, a delegation removed, or nobody signed",
    takes: [theRepository],
    flags: [
      ["--key <id>", "key", "if this key were revoked"],
      ["--role <role>", "role", "if this delegation were removed"],
      ["--until <instant>", "until", "if nobody signed until then"],
    ],
    columns: ["breaks", "what", "subject", "before", "after", "needed", "keys"],
    fields: words("what subject breaks before after needed keys"),
    nothing: "Nothing was published then.",
    examples: [
      `vidimus audit what-if ${app} --role targets/releases`,
      `vidimus audit what-if ${app} --until 2036-01-01T00:00:00Z --json`,
    ],
  },
  {
    name: "expiring",
    description:
      "files and the certificates that they list, as of any instant: what ends within so many days of it, past ones too (vidimus expiring: of now, with what is the server's own)",
    takes: [repository],
    flags: [days("days (default: 365)")],
    columns: ["repository", "role", "kind", "version", "name", "expires", "expired"],
    fields: words("repository role version expires expired kind name key"),
    nothing: "Nothing ends by then.",
    examples: ["vidimus audit expiring --days 90 --at 2026-06-01T00:00:00Z"],
  },
];

const usualDays = "365";
/** Lines of one command: an answer beyond is for a question that asks less. */
const mostLines = 1_000_000;

export function addQuestions(parent: Command, publishing: Publishing): void {
  for (const question of questions) addQuestion(parent, publishing, question);
}

function addQuestion(parent: Command, { context, client }: Publishing, question: Question): void {
  const command = parent.command(question.name).description(question.description);
  for (const [argument, , description] of question.takes) command.argument(argument, description);
  for (const [flag, , description] of question.flags) command.option(flag, description);
  command.option("--at <instant>", "as it was then, such as 2026-06-01T00:00:00Z (default: now)");
  command.addHelpText("after", examples(...question.examples));
  addTrustFlags(addFormFlags(command)).action(async (...given: readonly unknown[]) => {
    const flags = command.opts<FormFlags & Record<string, string | undefined>>();
    const asked = new Map<string, string>();
    for (const [index, [, parameter]] of question.takes.entries()) {
      const value = given[index];
      if (typeof value === "string") asked.set(parameter, value);
    }
    for (const [flag, parameter] of question.flags) {
      const value = flags[parameter] ?? (flag.startsWith("--days") ? usualDays : undefined);
      if (value !== undefined) asked.set(parameter, parameter === "key" ? keyIdOf(command, value) : value);
    }
    if (flags.at !== undefined) asked.set("at", flags.at);
    const { lines, at, notKept } = await askingServer(command, client, (ask) =>
      allOf((query) => ask("GET", `/api/v1/audit/${question.name}?${query}`), asked),
    );
    const document = { format: "vidimus-audit/1", question: question.name, at, notKept };
    printLines(context, flags, lines, question, document, question.nothing);
    if (notKept) {
      context.stderr(
        "Files that this rests on were taken away by retention: it can be verified no more, and may lack lines.\n",
      );
    }
  });
}

interface Answer {
  readonly at: string;
  readonly lines: readonly Line[];
  readonly next?: string;
  readonly notKept: boolean;
}

/** Page by page, all for the instant of the first. */
async function allOf(
  ask: (query: string) => Promise<unknown>,
  asked: ReadonlyMap<string, string>,
): Promise<Omit<Answer, "next">> {
  const lines: Line[] = [];
  let query = new URLSearchParams([...asked]);
  for (let notKept = false; ; ) {
    const answer = (await ask(query.toString())) as Answer;
    lines.push(...answer.lines);
    notKept ||= answer.notKept;
    const { at, next } = answer;
    if (next === undefined || lines.length > mostLines) return { at, lines, notKept };
    query = new URLSearchParams([...new Map([...asked, ["at", at], ["after", next]])]);
  }
}
