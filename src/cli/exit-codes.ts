/**
 * The exit codes of every command, in one table. bin/runtime.js repeats the one that it needs. Those of the client's
 * commands stand beside its refusals, since its own executable has them too. All are in one file, because no number may be given twice.
 */
import { type BackupCode, BackupError } from "../backup/errors.ts";
import { endings } from "../client/errors.ts";
import { ConfigurationError } from "../config.ts";
import { type Code, storeCodes, VidimusError } from "../core/errors.ts";
import {
  type DatabaseCode,
  DatabaseError,
  type OldKeyCode,
  OldKeyError,
} from "../moving/databases/errors.ts";
import {
  BackError,
  DestinationError,
  ShadowError,
  type SourceCode,
  SourceError,
  TimeLimitError,
} from "../moving/errors.ts";
import { type KeyCode, KeyError } from "../publisher/custody/errors.ts";
import { EditError, type PublishCode, PublishError } from "../publisher/errors.ts";
import { type ProbeCode, ProbeError, type StartCode, StartError } from "../serve/errors.ts";
import { type AccessCode, AccessError } from "./access/errors.ts";

export const exitCodes = {
  ok: { code: 0, meaning: "done; a server ended in good order" },
  unexpected: {
    code: 1,
    meaning: "an error that should not happen: please report it with the output of --debug",
  },
  usage: { code: 2, meaning: "unknown command or flag" },
  configuration: {
    code: 3,
    meaning:
      "the configuration or its policy is not good, or a file cannot be written or is one of the server's own",
  },
  store: { code: 4, meaning: "the data directory or the store in it cannot be used" },
  listen: { code: 5, meaning: "the address or port cannot be listened on" },
  tls: { code: 6, meaning: "the TLS certificate or key cannot be used" },
  signer: { code: 7, meaning: "the signer or its secret cannot be used" },
  runtime: { code: 8, meaning: "no suitable Node" },
  running: { code: 9, meaning: "another server uses this data directory" },
  damaged: { code: 11, meaning: "fsck found damage in the store" },
  unconfirmed: { code: 12, meaning: "nothing was done, because nobody confirmed it" },
  unmarked: { code: 13, meaning: "no high-water mark tells whether anything was lost" },
  backupDamaged: { code: 14, meaning: "the backup is damaged, cut off, or none of Vidimus" },
  backupSealed: {
    code: 15,
    meaning: "the backup does not open with what was given, or nothing usable was given",
  },
  backupNewer: { code: 16, meaning: "the backup was made by a newer Vidimus" },
  backupFile: {
    code: 17,
    meaning: "a file of the backup cannot be read or written: name, rights, free space",
  },
  backupTarget: { code: 18, meaning: "the directory to restore into is not empty" },
  notReady: { code: 20, meaning: "the server answers that it cannot do its work" },
  noAnswer: { code: 21, meaning: "no server answers as the configured one would" },
  passphrase: { code: 50, meaning: "the passphrase or PIN of a key is wrong, or there is none" },
  keyFile: {
    code: 51,
    meaning: "a key or its file is damaged, cannot be read, or is of a kind that does not serve",
  },
  keyUnknown: { code: 52, meaning: "no key is called that, or more than one" },
  keyDevice: { code: 53, meaning: "the ssh-agent or token cannot be used" },
  keyUnwritable: { code: 54, meaning: "a key cannot be written, or is there already" },
  edit: { code: 55, meaning: "an edit does not fit what is signed now: nothing was staged or published" },
  signers: { code: 56, meaning: "signatures are missing: nothing was published" },
  refused: { code: 57, meaning: "the trust server refused what was signed, or has it already" },
  undecided: {
    code: 58,
    meaning: "whether it was published is not known, or others were faster: run the command again",
  },
  staging: { code: 59, meaning: "the staged edits cannot be read or written, or there are none" },
  proposalOver: { code: 60, meaning: "the proposal has ended otherwise than it was waited for" },
  proposalWaiting: { code: 61, meaning: "the proposal has not ended in the time given" },
  proposalUnknown: { code: 62, meaning: "there is no such proposal" },
  proposalBad: { code: 63, meaning: "the proposal or its file holds what nobody should sign" },
  proposalAmbiguous: { code: 64, meaning: "the ID of a proposal was shortened, and several begin so" },
  policyWrong: { code: 65, meaning: "the policy that was to be checked or explained is not good" },
  policyNotStock: {
    code: 66,
    meaning: "the stock clients cannot satisfy the policy, and --stock asked for that",
  },
  auditRefused: {
    code: 78,
    meaning: "the server refuses a question about the past, or what it was told of a key",
  },
  repairMissing: {
    code: 79,
    meaning:
      "a key was denied, and what takes it out cannot be proposed, or leaves a role to be signed again",
  },
  trailBroken: { code: 80, meaning: "the audit trail is not whole, or does not extend an earlier head" },
  headBad: { code: 81, meaning: "the file with heads of the audit trail cannot be used" },
  registry: { code: 67, meaning: "the registry has not the image, or gives another than was asked for" },
  outsidePaths: { code: 68, meaning: "the name lies outside of what the role may sign: nothing was staged" },
  accessDenied: { code: 70, meaning: "the server does not let this caller do that, or nobody says who asks" },
  accessUnknown: { code: 71, meaning: "there is no such user, team, token or permission" },
  accessTaken: { code: 72, meaning: "the name is taken, or there is no room" },
  accessRefused: { code: 73, meaning: "a name, password, pattern or action is not one that can be" },
  loginFailed: { code: 69, meaning: "the identity provider logs nobody in, or nobody came back from it" },
  notPermitted: { code: 74, meaning: "acl explain: the answer is no" },
  expiring: { code: 75, meaning: "something ends soon, or was signed long ago, and --check asked for that" },
  asked: { code: 76, meaning: "the trust server refuses to answer, or answers otherwise than it should" },
  importInPart: {
    code: 83,
    meaning: "some repositories or versions were left out of an import; findings say why",
  },
  importSource: {
    code: 84,
    meaning: "the source of an import or export cannot be used: what was taken stays, and can be run again",
  },
  importConflict: {
    code: 85,
    meaning: "the repository exists already with another history: nothing was changed",
  },
  importServer: { code: 86, meaning: "the server that is to take over cannot be used, or refuses imports" },
  importNothing: { code: 87, meaning: "there was nothing to import" },
  oldDatabase: {
    code: 88,
    meaning: "the old server's database or dump cannot be used, or is not whole: nothing was changed",
  },
  oldPassphrase: {
    code: 89,
    meaning: "a passphrase of the old signer is wrong, or there is none: nothing was changed",
  },
  oldKeys: { code: 90, meaning: "no key of the old signer is wanted here: nothing was changed" },
  oldKeysInPart: { code: 91, meaning: "some keys of the old signer were not taken in; the others were" },
  importTime: {
    code: 92,
    meaning:
      "the time that --time-limit gives an import was over: what was taken stays, and can be run again",
  },
  exportInPart: {
    code: 93,
    meaning: "some repositories cannot go back, see findings; without --leave-out nothing was written",
  },
  exportPlace: {
    code: 94,
    meaning: "what repositories go back to cannot be used: mend it and run it again, it goes on",
  },
  exportNothing: { code: 95, meaning: "there was nothing to export" },
  shadowDiffers: { code: 96, meaning: "shadow: the two servers do not serve the same" },
  shadowUnable: {
    code: 97,
    meaning:
      "shadow: one of the two servers cannot be read, or the file of its state or metrics cannot be used",
  },
  shadowInPart: {
    code: 98,
    meaning: "shadow: some repositories could not be compared; the others are the same",
  },
} as const satisfies Record<string, { code: number; meaning: string }>;

/** Every code that a command can end with, in the order of their numbers. */
export const allExitCodes: readonly { readonly code: number; readonly meaning: string }[] = [
  ...Object.values(exitCodes),
  ...Object.values(endings).map(({ exit, meaning }) => ({ code: exit, meaning })),
].sort((a, b) => a.code - b.code);

/** For a result that cannot be written, whatever the command was. */
export const unwritableExit = endings.output.exit;

export type ExitName = keyof typeof exitCodes;

const ofStart = {
  DATA_UNUSABLE: "store",
  PORT_IN_USE: "listen",
  PORT_FORBIDDEN: "listen",
  ADDRESS_UNAVAILABLE: "listen",
  SOCKET_IN_USE: "listen",
  SOCKET_UNUSABLE: "listen",
  CERTIFICATE_UNREADABLE: "tls",
  CERTIFICATE_BAD: "tls",
  CERTIFICATE_MISSING: "tls",
  CERTIFICATE_EXPIRED: "tls",
  KEY_UNREADABLE: "tls",
  KEY_BAD: "tls",
  KEY_MISMATCH: "tls",
  KEY_EXPOSED: "tls",
  READY_FILE_UNWRITABLE: "configuration",
  OWN_FILE: "configuration",
  POLICY_UNUSABLE: "configuration",
  TOKEN_KEYS_UNUSABLE: "configuration",
  WEBHOOK_UNUSABLE: "configuration",
  PASSWORD_FILE_UNUSABLE: "configuration",
} as const satisfies Record<StartCode, ExitName>;

const ofProbe = {
  NOT_READY: "notReady",
  NO_ANSWER: "noAnswer",
  ADDRESS_UNKNOWN: "configuration",
} as const satisfies Record<ProbeCode, ExitName>;

const ofBackup = {
  NOT_A_BACKUP: "backupDamaged",
  BACKUP_DAMAGED: "backupDamaged",
  BACKUP_NEWER: "backupNewer",
  BACKUP_NOT_OPENED: "backupSealed",
  BACKUP_KEY_UNUSABLE: "backupSealed",
  BACKUP_UNREADABLE: "backupFile",
  BACKUP_UNWRITABLE: "backupFile",
  NOT_EMPTY: "backupTarget",
} as const satisfies Record<BackupCode, ExitName>;

const ofKey = {
  KEY_UNKNOWN: "keyUnknown",
  KEY_AMBIGUOUS: "keyUnknown",
  KEY_EXISTS: "keyUnwritable",
  KEY_CLOSED: "unexpected",
  KEY_UNSUPPORTED: "keyFile",
  KEY_FILE_UNREADABLE: "keyFile",
  KEY_FILE_UNWRITABLE: "keyUnwritable",
  KEY_FILE_DAMAGED: "keyFile",
  PASSPHRASE_MISSING: "passphrase",
  PASSPHRASE_WRONG: "passphrase",
  AGENT_UNREACHABLE: "keyDevice",
  AGENT_REFUSED: "keyDevice",
  TOKEN_DRIVER_MISSING: "keyDevice",
  TOKEN_UNREADABLE: "keyDevice",
  TOKEN_REFUSED: "keyDevice",
} as const satisfies Record<KeyCode, ExitName>;

const ofPublish = {
  AUDIT_REFUSED: "auditRefused",
  IMAGE_DIFFERS: "registry",
  IMAGE_UNKNOWN: "registry",
  LOST_RACE: "undecided",
  NOTHING_STAGED: "staging",
  OUTCOME_UNKNOWN: "undecided",
  PROPOSAL_AMBIGUOUS: "proposalAmbiguous",
  PROPOSAL_BAD: "proposalBad",
  PROPOSAL_FILE_BAD: "proposalBad",
  PROPOSAL_OVER: "proposalOver",
  PROPOSAL_UNKNOWN: "proposalUnknown",
  PUBLISH_REFUSED: "refused",
  REGISTRY_ANSWER: "registry",
  REPOSITORY_EXISTS: "refused",
  SERVER_REFUSED: "asked",
  SIGNERS_MISSING: "signers",
  STAGING_DAMAGED: "staging",
  STAGING_UNWRITABLE: "staging",
} as const satisfies Record<PublishCode, ExitName>;

const ofAccess = {
  ACCESS_DENIED: "accessDenied",
  ACCESS_UNKNOWN: "accessUnknown",
  ACCESS_TAKEN: "accessTaken",
  ACCESS_REFUSED: "accessRefused",
  ACCESS_UNREACHABLE: "noAnswer",
  LOGIN_ISSUER: "unconfirmed",
  LOGIN_FAILED: "loginFailed",
  LOGIN_REFUSED: "accessDenied",
} as const satisfies Record<AccessCode, ExitName>;
const ofOldDatabase = {
  DATABASE_UNREACHABLE: "oldDatabase",
  DATABASE_FOREIGN: "oldDatabase",
  DATABASE_BROKE_OFF: "oldDatabase",
  DUMP_UNREADABLE: "oldDatabase",
  DUMP_CUT_OFF: "oldDatabase",
  DUMP_MALFORMED: "oldDatabase",
} as const satisfies Record<DatabaseCode, ExitName>;

const ofOldKey = {
  OLD_PASSPHRASE_MISSING: "oldPassphrase",
  OLD_PASSPHRASE_WRONG: "oldPassphrase",
  OLD_PASSPHRASE_UNREADABLE: "oldPassphrase",
  OLD_KEY_DAMAGED: "oldKeys",
  OLD_KEYS_FOREIGN: "oldKeys",
  OLD_KEY_REFUSED: "oldKeys",
  BAD_REPOSITORY_NAME: "oldKeysInPart",
  OLD_KEYS_UNTOLD: "oldKeys",
} as const satisfies Record<OldKeyCode, ExitName>;
const ofSource = {
  SOURCE_UNREACHABLE: "importSource",
  SOURCE_FAILING: "importSource",
  SOURCE_FORBIDDEN: "importSource",
  SOURCE_REALM: "importSource",
  SOURCE_LIST: "importSource",
  SOURCE_ENDLESS: "importSource",
} as const satisfies Record<SourceCode, ExitName>;

function ofVidimus({ code, family }: VidimusError): ExitName {
  if (code === "STORE_LOCKED") return "running";
  if ((storeCodes as readonly Code[]).includes(code)) return "store";
  return family === "signer" ? "signer" : "unexpected";
}

/** How a command that failed with this error ends. */
export function exitNameOf(error: unknown): ExitName {
  if (error instanceof ConfigurationError) return "configuration";
  if (error instanceof StartError) return ofStart[error.code];
  if (error instanceof ProbeError) return ofProbe[error.code];
  if (error instanceof KeyError) return ofKey[error.code];
  if (error instanceof BackupError) return ofBackup[error.code];
  if (error instanceof AccessError) return ofAccess[error.code];
  if (error instanceof EditError) return error.code === "OUTSIDE_PATHS" ? "outsidePaths" : "edit";
  if (error instanceof DatabaseError) return ofOldDatabase[error.code];
  if (error instanceof OldKeyError) return ofOldKey[error.code];
  if (error instanceof SourceError) return ofSource[error.code];
  if (error instanceof BackError) return error.code === "EXPORT_PLACE" ? "exportPlace" : "exportInPart";
  if (error instanceof ShadowError) return "shadowUnable";
  if (error instanceof DestinationError) return "importServer";
  if (error instanceof TimeLimitError) return "importTime";
  if (error instanceof PublishError) return ofPublish[error.code];
  return error instanceof VidimusError ? ofVidimus(error) : "unexpected";
}
