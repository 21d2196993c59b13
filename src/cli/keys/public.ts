/** `vidimus key public` and `certificate`: what others are given, so that they can name this key as a signer. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { KeyInfo } from "../../publisher/custody/custody.ts";
import { type CliContext, printable, printJson, printLine } from "../output.ts";
import { addKeyFlags, addPassphraseFlags, type KeyFlags, type Keys, withKeys } from "./flags.ts";
import { nameOf, printKeys } from "./output.ts";

const day = 86_400_000;
const tenYears = 3_650;

export function addKeyPublic(parent: Command, context: CliContext): void {
  const command = parent
    .command("public")
    .description("write the public part of a key as PEM, for whoever lets it sign")
    .argument("<key>", "its name, its ID, or the first eight digits of it or more")
    .argument("[file]", "a file that is not there yet (default: standard output)")
    .addHelpText("after", examples("vidimus key public release", "vidimus key public release public.pem"));
  addPassphraseFlags(addKeyFlags(command)).action(async (text: string, path: string | undefined) => {
    const { json } = command.opts<KeyFlags>();
    await withKeys(command, context, async (keys) => {
      const { info, pem } = await publicPemOf(keys, text);
      const file = await written(path, pem);
      if (json === true) printKeys(context, [info], [], { pem, file: file ?? null });
      else say(context, file, pem, `the public part of ${nameOf(info)}`);
    });
  });
}

export function addKeyCertificate(parent: Command, context: CliContext): void {
  const command = parent
    .command("certificate")
    .description("write a certificate by which a key can sign the root of a repository")
    .argument("<key>", "a P-256 key: its name, its ID, or the first eight digits of it or more")
    .argument("<repository>", "name of the repository, or a path above it with /* at its end")
    .argument("[file]", "a file that is not there yet (default: standard output)")
    .option("--days <number>", "how long it is good", String(tenYears))
    .addHelpText(
      "after",
      examples("vidimus key certificate release registry.acme.example/app certificate.pem"),
    );
  addPassphraseFlags(addKeyFlags(command)).action(
    async (text: string, repository: string, path: string | undefined) => {
      const { days, json } = command.opts<KeyFlags & { days: string }>();
      if (!/^[1-9][0-9]{0,4}$/.test(days)) command.error("error: --days takes a number from 1 to 99999");
      await withKeys(command, context, async ({ ring, passphrases }) => {
        const { makeRootCertificate } = await import("../../publisher/custody/certificates.ts");
        const { info } = await ring.find(text);
        const key = await ring.open(info.id, passphrases);
        try {
          const now = Date.now();
          const end = new Date(now + Number(days) * day);
          const { pem } = await makeRootCertificate(key, repository, new Date(now - 60_000), end);
          const file = await written(path, pem);
          if (json === true) {
            printJson(context, {
              format: "vidimus-certificate/1",
              key: info.id,
              repository,
              certificate: pem,
              file: file ?? null,
            });
          } else say(context, file, pem, `a certificate of ${nameOf(info)} for ${printable(repository)}`);
        } finally {
          key.close();
        }
      });
    },
  );
}

/** A key with its public part in PEM. An encrypted file of the stock clients says that only once it is open. */
export async function publicPemOf(
  { ring, passphrases }: Keys,
  text: string,
): Promise<{ readonly info: KeyInfo; readonly pem: string }> {
  const { publicPem } = await import("../../publisher/custody/public.ts");
  const { info, custody } = await ring.find(text);
  if (info.listed !== undefined) return { info, pem: publicPem(info.listed) };
  const key = await custody.open(info.id, passphrases);
  key.close();
  return { info: key.info, pem: publicPem(key.info.listed) };
}

/** The file that it was written to; undefined: none was named. */
async function written(path: string | undefined, pem: string): Promise<string | undefined> {
  if (path === undefined || path === "-") return undefined;
  const [{ writeExport }, { refuseExisting }] = await Promise.all([
    import("../../publisher/custody/export.ts"),
    import("../../publisher/custody/key-store.ts"),
  ]);
  await refuseExisting(path);
  await writeExport(path, Buffer.from(pem, "latin1"));
  return path;
}

function say(context: CliContext, file: string | undefined, pem: string, what: string): void {
  if (file === undefined) context.stdout(pem);
  else printLine(context, `Wrote ${what} to ${printable(file)}.`);
}
