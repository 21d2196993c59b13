/**
 * `npm run demo`: a real LinuxKit yaml, published to a server of its own and read back. Exit code 0 only if everything
 * was as told. Nothing leaves this machine; all files are in a temporary directory that is removed at the end.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { endings } from "../src/client/errors.ts";
import { type Image, imagesOf, mirror } from "./images.ts";
import { lockFiles, lockRefused } from "./locking.ts";
import { type Cell, Page, styleFor } from "./page.ts";
import { type DemoServer, startServer } from "./server.ts";
import { isStockClientThere } from "./stock-client.ts";
import { attackImage, publishImage, readImage, stockAgrees } from "./story.ts";

const page = new Page(styleFor(process.stdout.isTTY === true, process.env));
const print = (text: string) => process.stdout.write(`${text}\n`);

const yaml = readFileSync(resolve(import.meta.dirname, "linuxkit.yml"), "utf8");

let faults = 0;
function told(good: boolean): Cell {
  if (!good) faults++;
  return page.mark(good);
}

const name = ({ repository }: Image) => repository.slice(mirror.length + 1);
const digest = ({ sha256 }: Image) => page.short(`sha256:${sha256}`, 20);

async function publishAndRead(server: DemoServer, images: readonly Image[]): Promise<void> {
  print(page.heading(`Published under ${mirror}/, two of two signatures on every list of targets`));
  for (const image of images) await publishImage(server, image);
  const rows: Cell[][] = [["", "image", "tag", "digest", "root", "targets", "timestamp", "fresh for"]];
  for (const image of images) {
    const { versions, days, good } = await readImage(server, image);
    const { root, targets, timestamp } = versions;
    const numbers = [root, targets, timestamp].map(String);
    rows.push([
      told(good),
      name(image),
      page.short(image.tag, 14),
      digest(image),
      ...numbers,
      `${days} days`,
    ]);
  }
  print(page.table(rows));
  print(`  Read back as a stock client reads: ping, root, timestamp, then snapshot and targets by digest;
  every signature, threshold, digest and expiry was verified on this side.`);
}

async function attack(server: DemoServer, image: Image): Promise<void> {
  print(page.heading(`Refused by the server, for ${name(image)}`));
  const { results, unchanged } = await attackImage(server, image);
  const rows: Cell[][] = [["", "upload", "what was done", "status", "in the API's words", "code"]];
  for (const { attack: each, outcome, good } of results) {
    const { status, apiCode, code } = outcome ?? { status: 200, apiCode: "accepted", code: "" };
    rows.push([told(good), each.name, each.story, String(status), apiCode, code]);
  }
  rows.push([told(unchanged), "afterwards", "targets 2 is still what clients get", "", "", ""]);
  print(page.table(rows));
}

async function askStockClient(
  server: DemoServer,
  images: readonly Image[],
  directory: string,
): Promise<void> {
  print(page.heading("The stock client"));
  if (!(await isStockClientThere())) {
    print("  The notary program is not installed here, so nobody else was asked.");
    return;
  }
  let agreed = 0;
  for (const image of images) if (await stockAgrees(server, image, directory)) agreed++;
  const same = `${agreed} of ${images.length} images with the digests that were published`;
  print(
    page.table([
      ["", "client", "lists"],
      [told(agreed === images.length), "notary", same],
    ]),
  );
}

async function lock(server: DemoServer, images: readonly Image[], directory: string): Promise<void> {
  print(page.heading("Locked before it is built: the yaml by its tags, and a Dockerfile"));
  const { run, dockerfile, good } = await lockFiles(server, yaml, images, directory);
  print(`  $ ${run.command}\n${indented(run.output)}\n`);
  print(`${indented(dockerfile.replaceAll(/([0-9a-f]{12})[0-9a-f]{52}/g, "$1.."))}\n`);
  const what = `${good} of ${images.length} images stand in sshd.locked.yml with the digest that was signed`;
  print(
    page.table([
      ["", "outcome"],
      [told(run.code === 0 && good === images.length), what],
    ]),
  );
}

async function lockAgain(server: DemoServer, images: readonly Image[], directory: string): Promise<void> {
  const [expiring, forged] = ["init", "sshd"].map((each) =>
    images.find((image) => name(image).endsWith(`/${each}`)),
  );
  if (expiring === undefined || forged === undefined) throw new Error("the yaml lacks init or sshd");
  print(
    page.heading(
      `The signature of ${name(expiring)} expires, and somebody on the way forges ${name(forged)}`,
    ),
  );
  const { run, written } = await lockRefused(server, yaml, { expiring, forged }, directory);
  print(`  $ ${run.command}\n${indented(run.output)}\n`);
  const rows: Cell[][] = [
    ["", "outcome"],
    [told(run.output.includes("EXPIRED")), "the expired signature is refused"],
    [told(run.output.includes("HASH_MISMATCH")), "the forged file is refused"],
    [told(run.code === endings.unauthentic.exit), `exit code ${run.code}, that of the worst`],
    [told(written.length === 0), "nothing was written"],
  ];
  print(page.table(rows));
}

const indented = (text: string) =>
  text
    .split("\n")
    .map((line) => `  ${line}`.trimEnd())
    .join("\n");

async function tell(server: DemoServer, images: readonly Image[], directory: string): Promise<void> {
  print(`  Server  ${server.url}\n  CA      ${server.fingerprint}`);
  await publishAndRead(server, images);
  const [first] = images;
  if (first !== undefined) await attack(server, first);
  await askStockClient(server, images, directory);
  await lock(server, images, directory);
  await lockAgain(server, images, directory);
}

/** Rejects when somebody wants to stop: the caller then cleans up as after any failure. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => reject(new Error(`${signal} was received.`)));
    }
    // Whoever reads the output may go away in the middle of it (`npm run demo | head`).
    process.stdout.once("error", () => reject(new Error("nobody reads the output any more.")));
  });
}

async function main(): Promise<void> {
  const images = imagesOf(yaml);
  const directory = mkdtempSync(join(tmpdir(), "vidimus-demo-"));
  const interrupted = interruption();
  interrupted.catch(() => {});
  let server: DemoServer | undefined;
  try {
    print(page.paint("Vidimus: a LinuxKit system, signed and verified", "bold"));
    print(`  ${images.length} images of LinuxKit's example sshd.yml (June 2017), with the digests its trusted build gave.
  Sizes of manifests are not publicly known: they are published as 0. Keys are those of keys-example/.`);
    server = await startServer(directory);
    await Promise.race([tell(server, images, directory), interrupted]);
    const code = await server.stop();
    server = undefined;
    if (code !== 0) faults++;
    print(faults === 0 ? "\nEverything was as told." : `\n${faults} things were not as told.`);
  } finally {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

try {
  await main();
  process.exitCode = faults === 0 ? 0 : 1;
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`The demonstration broke off: ${reason}\n`);
  process.exit(1);
}
