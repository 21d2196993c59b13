/** The command line: which commands there are, and how their errors become sentences and exit codes. */
import { Command, CommanderError } from "commander";
import { KeyError } from "../publisher/custody/errors.ts";
import { EditError, PublishError } from "../publisher/errors.ts";
import { addBackupCreate } from "./backup/create.ts";
import { addBackupRestore } from "./backup/restore.ts";
import { addBackupVerify } from "./backup/verify.ts";
import { addCompletion } from "./completion.ts";
import { addConfigCheck } from "./config/check.ts";
import { addConfigSchema } from "./config/schema.ts";
import { addConfigShow } from "./config/show.ts";
import { allExitCodes, exitCodes } from "./exit-codes.ts";
import { addFsck } from "./fsck.ts";
import { addHealthcheck } from "./healthcheck.ts";
import { type CliContext, formatTable, printLine, reportError, reportKeyRefusal } from "./output.ts";
import { addPolicyCheck } from "./policy/check.ts";
import { addPolicyExplain } from "./policy/explain.ts";
import { ProgressLine } from "./progress.ts";
import { addRecover } from "./recover.ts";
import { addRekey } from "./rekey.ts";
import { addServe, type ServeParts } from "./serve.ts";
import { addTrail } from "./trail/commands.ts";
import { addVersion } from "./version.ts";

/** Commands that start without loading the client's. */
const ofTheServer: ReadonlySet<string | undefined> = new Set(["serve", "healthcheck"]);

/** Commands about people and tokens, which start without loading anything else's. */
const ofAccess: ReadonlySet<string | undefined> = new Set(["acl", "team", "token", "user"]);

/** Commands of people who log in, likewise. */
const ofLogin: ReadonlySet<string | undefined> = new Set(["login", "logout"]);

/** Commands that start without loading those of publishers. All others do: also help, completion, and a word that is mistyped. */
const ofOthers: ReadonlySet<string | undefined> = new Set([
  "backup",
  "config",
  "doctor",
  "fsck",
  "lock",
  "pin",
  "policy",
  "recover",
  "rekey",
  "resolve",
  "verify",
  "version",
]);

/** Commands that say themselves how far they are, or run on and log. */
const isQuiet = (name: string | undefined) => ofTheServer.has(name) || clientOnes.has(name);
const clientOnes: ReadonlySet<string | undefined> = new Set(["doctor", "lock", "pin", "resolve", "verify"]);

/** What a command is doing as long as it says nothing more exact. */
const doings: ReadonlyMap<string, string> = new Map([
  ["backup", "reading and writing the backup"],
  ["fsck", "verifying the store"],
  ["key", "opening keys"],
  ["login", "waiting for you to log in"],
  ["rekey", "sealing keys anew"],
]);

/**
 * Runs one command; resolves to its exit code and never rejects.
 * `argv`: what stands after the program's name.
 */
export async function runCli(argv: readonly string[], given: CliContext, parts: ServeParts): Promise<number> {
  let code: number = exitCodes.ok.code;
  const progress = new ProgressLine(given, argv.includes("--json"));
  const context = progress.guard(given);
  const client = ofTheServer.has(argv[0]) ? undefined : await import("../client/cli/program.ts");
  const json = client?.wantsDocument(argv) === true;
  const program = new Command("vidimus")
    .description("A private notary: stores signed TUF metadata and speaks Notary v1.")
    .option("--debug", "show where an error comes from")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: json ? () => {} : context.stderr })
    .showSuggestionAfterError();
  const backup = new Command("backup")
    .description("make, check and restore backups")
    .copyInheritedSettings(program);
  const config = new Command("config")
    .description("check and show the configuration, print its schema")
    .copyInheritedSettings(program);
  addServe(program, context, parts, (ended) => {
    code = ended;
  });
  addHealthcheck(program, context);
  addFsck(program, context, (ended) => {
    code = ended;
  });
  const audit = addTrail(program, context, (ended) => {
    code = ended;
  });
  addBackupCreate(backup, context, parts.process);
  addBackupVerify(backup, context, parts.process);
  addBackupRestore(backup, context, parts.process);
  program.addCommand(backup);
  addRekey(program, context);
  addConfigCheck(config, context);
  addConfigSchema(config, context);
  addConfigShow(config, context);
  program.addCommand(config);
  const policy = new Command("policy")
    .description("check the policy of a server, and explain it")
    .copyInheritedSettings(program);
  const end = (ended: number) => {
    code = ended;
  };
  addPolicyCheck(policy, context, end);
  addPolicyExplain(policy, context, end);
  program.addCommand(policy);
  const { stdout, stderr, env } = context;
  const ofProcess = client?.processContext("vidimus");
  const clientContext = ofProcess && {
    ...ofProcess,
    stdout,
    stderr,
    env,
    ask: progress.asking(ofProcess.ask),
  };
  if (client !== undefined && clientContext !== undefined) {
    client.addClientCommands(program, clientContext, (ended) => {
      code = ended;
    });
    const isOfPublishers = !ofAccess.has(argv[0]) && !ofLogin.has(argv[0]) && !ofOthers.has(argv[0]);
    if (ofLogin.has(argv[0]) || isOfPublishers) {
      const { addLoginCommands } = await import("./login/commands.ts");
      addLoginCommands(program, { context, client: clientContext });
    }
    if (ofAccess.has(argv[0]) || isOfPublishers) {
      const { addAccessCommands } = await import("./access/commands.ts");
      addAccessCommands(program, context, end);
    }
    if (isOfPublishers) {
      const { addKeyCommands } = await import("./keys/commands.ts");
      addKeyCommands(program, context, end);
      const { addPublishingCommands } = await import("./publishing/commands.ts");
      const publishing = { context, client: clientContext, finish: end };
      addPublishingCommands(program, publishing);
      const { addAuditCommands } = await import("./audit/commands.ts");
      addAuditCommands(program, audit, publishing);
      const { addExpiryCommands } = await import("./expiry/commands.ts");
      addExpiryCommands(program, publishing);
      const { addMovingCommands } = await import("./moving/commands.ts");
      addMovingCommands(program, publishing);
    }
    client.addHelp(program, clientContext, () => {
      const rows = allExitCodes.map((each) => [String(each.code), each.meaning]);
      printLine(context, formatTable(rows));
    });
  }
  addRecover(program, context, clientContext?.ask, (ended) => {
    code = ended;
  });
  addCompletion(program, context);
  addVersion(program, context);
  try {
    const run = () => program.parseAsync([...argv], { from: "user" });
    const what = isQuiet(argv[0]) ? undefined : (doings.get(argv[0] ?? "") ?? "working");
    await (what === undefined ? run() : progress.during(what, run));
    return code;
  } catch (error) {
    // Asking for help is no error. Otherwise commander has written its own sentence, unless a document is wanted.
    if (error instanceof CommanderError && (error.exitCode === 0 || !json))
      return error.exitCode === 0 ? code : exitCodes.usage.code;
    const isOurs = error instanceof KeyError || error instanceof EditError || error instanceof PublishError;
    // `json` is of the client's commands alone.
    const asDocument = argv.includes("--json");
    if (isOurs && asDocument) return reportKeyRefusal(context, error);
    const refused = clientContext && client?.reportClientError(clientContext, error, asDocument);
    return refused ?? reportError(context, error);
  }
}
