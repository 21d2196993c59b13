/**
 * `vidimus key import` of a directory: every key in it that opens is taken in, and what the keys are for is told.
 *
 * What is wrong with one file is named with it, and keeps no other from being taken in. Everything that opens is opened before
 * anything is written. Said again, the command takes in what is missing still.
 */
import { resolve } from "node:path";
import type { KeyInfo } from "../../publisher/custody/custody.ts";
import { aboutKey, KeyError } from "../../publisher/custody/errors.ts";
import type { KeyFilePlace } from "../../publisher/custody/key-files.ts";
import type { KeyStore, TakenKey } from "../../publisher/custody/key-store.ts";
import type { KeyHere } from "../../publisher/keys/standing.ts";
import { exitCodes, exitNameOf } from "../exit-codes.ts";
import type { CliContext } from "../output.ts";
import { shellWord } from "../shell-word.ts";
import { type Keys, warnOf } from "./flags.ts";
import { type Harvest, printImport, sayImport } from "./import-output.ts";
import { keyTable } from "./output.ts";
import { type KeyReport, keyReport } from "./report.ts";

export interface FolderImport {
  readonly directory: string;
  /** Asked what is signed today. */
  readonly server: string | undefined;
  readonly ca: string | undefined;
  /** Flags by which the next command finds that server, with a space before each. */
  readonly place: string;
  readonly json: boolean;
}

export interface Taking {
  readonly keys: Keys;
  readonly store: KeyStore;
  readonly add: (taken: TakenKey) => Promise<KeyInfo>;
}

/** The exit code. Throws `KEY_FILE_UNREADABLE` for a directory that cannot be read, and what is wrong with the server's address. */
export async function importFolder(
  { directory, server, ca, place, json }: FolderImport,
  taking: Taking,
  context: CliContext,
): Promise<number> {
  const trust = server === undefined ? undefined : await openServer(server, ca, context);
  try {
    const harvest = await gather(directory, taking, context);
    const others = await othersThan(harvest.found, taking.keys);
    const asked = server !== undefined && trust !== undefined ? { url: server, trust } : undefined;
    const source = { trustDirectory: directory, server: asked };
    const report = await keyReport(source, harvest.found, others, { word: shellWord, place });
    const { found, faults } = harvest;
    const isEmpty = found.length === 0 && faults.length === 0;
    if (isEmpty && report.repositories.length === 0) throw noKeys(harvest);
    if (json) printImport(context, harvest, report);
    else sayImport(context, harvest, report);
    if (isEmpty) context.stderr(`${noKeys(harvest).message}\n`);
    warnOf(taking.keys.ring.met, faults.map(({ message }) => message).join("\n"), context);
    return exitOf(harvest, report);
  } finally {
    await trust?.close();
  }
}

async function openServer(server: string, ca: string | undefined, { env: environment }: CliContext) {
  const { openTrust } = await import("../../client/trust.ts");
  return await openTrust({ server, policy: {}, environment, ...(ca !== undefined && { ca }) });
}

async function gather(
  directory: string,
  { keys, store, add }: Taking,
  context: CliContext,
): Promise<Harvest> {
  const { keyFilesIn } = await import("../../publisher/custody/key-files.ts");
  const { folder, files, faults: oddities } = await keyFilesIn(directory);
  const faults: KeyError[] = [...oddities];
  const listed = await list(files, faults);
  if (listed.length > 0) context.stderr(`${keyTable(listed.flatMap(({ infos }) => infos))}\n`);
  const inStore = new Set((await store.list()).map(({ id }) => id));
  const found = new Map<string, KeyHere>();
  const taken = new Map<string, TakenKey>();
  try {
    for (const each of listed) await open(each, { inStore, found, taken, faults }, keys);
    const added = await addAll([...taken.values()], add, faults);
    const isAdded = new Set(added.map(({ id }) => id));
    for (const { info } of taken.values()) if (!isAdded.has(info.id)) found.set(info.id, leftOf(info));
    const there = [...found.keys()].filter((id) => inStore.has(id));
    return { folder, store: store.folder, added, there, found: [...found.values()], faults };
  } finally {
    for (const { secret } of taken.values()) secret?.fill(0);
  }
}

interface Listed {
  readonly file: KeyFilePlace;
  readonly infos: readonly KeyInfo[];
}

async function list(files: readonly KeyFilePlace[], faults: KeyError[]): Promise<readonly Listed[]> {
  const { listFile } = await import("../../publisher/custody/foreign-file.ts");
  const listed: Listed[] = [];
  for (const file of files) {
    const infos = await attempt(faults, file.id, () => listFile(file.path, file));
    if (infos !== undefined) listed.push({ file, infos });
  }
  return listed;
}

interface Gathered {
  readonly inStore: ReadonlySet<string>;
  readonly found: Map<string, KeyHere>;
  readonly taken: Map<string, TakenKey>;
  readonly faults: KeyError[];
}

/** Nobody is asked for the passphrase of a key that is in the store or open already. */
async function open(
  { file, infos }: Listed,
  { inStore, found, taken, faults }: Gathered,
  keys: Keys,
): Promise<void> {
  const { takeFile } = await import("../../publisher/custody/foreign-file.ts");
  if (infos.every(({ id }) => inStore.has(id) || taken.has(id))) {
    for (const info of infos) if (!taken.has(info.id)) found.set(info.id, hereOf(info));
    return;
  }
  const opened = await attempt(faults, file.id, () => takeFile(file.path, keys.passphrases, file));
  if (opened === undefined) {
    // Another file of the same key may open, or have been opened.
    for (const info of infos.filter(isIdentified)) if (!found.has(info.id)) found.set(info.id, leftOf(info));
    return;
  }
  for (const one of opened) {
    const { id } = one.info;
    found.set(id, hereOf(one.info));
    if (inStore.has(id) || taken.has(id)) one.secret?.fill(0);
    else taken.set(id, one);
  }
}

async function addAll(
  taken: readonly TakenKey[],
  add: Taking["add"],
  faults: KeyError[],
): Promise<readonly KeyInfo[]> {
  const added: KeyInfo[] = [];
  for (const one of taken) {
    const info = await attempt(faults, one.info.id, () => inFileOf(one, add));
    if (info !== undefined) added.push(info);
    // A disk that takes no more takes no other either.
    else if (faults.at(-1)?.code === "KEY_FILE_UNWRITABLE") break;
  }
  return added;
}

/** What is refused of a key says in which file it lies, and what its file says wrongly can be said rightly. */
async function inFileOf(taken: TakenKey, add: Taking["add"]): Promise<KeyInfo> {
  const { place } = taken.info;
  try {
    return await add(taken);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    const { code, message, cause, about } = error;
    const step =
      code === "KEY_UNSUPPORTED" ? ` Import this file by itself, with --role or --repository.` : "";
    throw new KeyError(code, `${place}: ${message}${step}`, cause, about);
  }
}

/** Undefined where it is refused: then the refusal is among the faults. */
async function attempt<T>(
  faults: KeyError[],
  id: string | undefined,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    faults.push(id === undefined ? error : aboutKey(error, id));
    return undefined;
  }
}

function hereOf({ id, role, repository }: KeyInfo): KeyHere {
  return { id, role, repository };
}

function leftOf(info: KeyInfo): KeyHere {
  return { ...hereOf(info), leftIn: info.place };
}

function isIdentified({ id }: KeyInfo): boolean {
  return /^[0-9a-f]{64}$/.test(id);
}

/** Keys of other places of this machine, and of this directory what opens. */
async function othersThan(found: readonly KeyHere[], { ring }: Keys): Promise<readonly KeyInfo[]> {
  const leftIn = new Set(found.flatMap(({ leftIn: path }) => (path === undefined ? [] : resolve(path))));
  return (await ring.list()).filter(({ place }) => !leftIn.has(resolve(place)));
}

function noKeys({ folder }: Harvest): KeyError {
  return new KeyError(
    "KEY_UNKNOWN",
    `There are no keys of a stock client in ${folder}: name its trust directory, such as ~/.docker/trust or ~/.notary.`,
  );
}

/** What went wrong with keys comes before what went wrong with asking. */
function exitOf({ found, faults }: Harvest, { unasked, untold }: KeyReport): number {
  const [first] = faults;
  if (first !== undefined) return exitCodes[exitNameOf(first)].code;
  if (found.length === 0) return exitCodes.keyUnknown.code;
  return (unasked ?? untold[0])?.exit ?? exitCodes.ok.code;
}
