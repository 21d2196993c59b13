/**
 * An image in which systemd is the first process and the server is installed as packaging/vidimus.service says: the
 * machine's own systemd with its libraries, the packed server, the unit, a secret.
 */

import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { addLibraries, addProgram, importImage, succeed } from "./base-image.ts";
import type { Engine } from "./engine.ts";

const repository = resolve(import.meta.dirname, "../../..");

/** Makes the image `name`. `folder`: for what is made on the way; must not be there. */
export async function importSystemd(engine: Engine, folder: string, name: string): Promise<void> {
  for (const place of ["etc", "proc", "sys", "dev", "run", "tmp", "var/lib", "var/log", "root"]) {
    mkdirSync(join(folder, place), { recursive: true });
  }
  for (const place of ["bin", "sbin", "lib", "lib64"]) {
    mkdirSync(join(folder, "usr", place), { recursive: true });
    symlinkSync(`usr/${place}`, join(folder, place));
  }
  await addSystemd(folder);
  for (const program of ["sh", "mount", "kill", "cat"])
    await addProgram(folder, `/bin/${program}`, `bin/${program}`);
  writeFileSync(
    join(folder, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
  );
  writeFileSync(join(folder, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  writeFileSync(join(folder, "etc/machine-id"), "");
  await installServer(folder);
  await importImage(engine, folder, name);
  rmSync(folder, { recursive: true });
}

async function addSystemd(folder: string): Promise<void> {
  const files = (await succeed("dpkg", ["-L", "systemd"], "/")).split("\n");
  for (const file of files.filter((path) => /^\/(?:usr\/)?(?:bin|lib)\//.test(path))) {
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined || found.isDirectory()) continue;
    const to = join(folder, file);
    mkdirSync(dirname(to), { recursive: true });
    if (!existsSync(to)) cpSync(file, to, { verbatimSymlinks: true });
    const isProgram = found.isFile() && ((found.mode & 0o111) !== 0 || /\.so\b/.test(file));
    if (isProgram) await addLibraries(folder, file).catch(() => undefined);
  }
}

/** As the unit's first comment says. */
async function installServer(folder: string): Promise<void> {
  const packed = join(folder, "packed");
  mkdirSync(packed);
  await succeed(process.execPath, ["tools/server-build.ts"], repository);
  try {
    await succeed("npm", ["pack", "--silent", "--pack-destination", packed], repository);
  } finally {
    rmSync(join(repository, "dist"), { recursive: true, force: true });
  }
  const opt = join(folder, "opt/vidimus");
  mkdirSync(opt, { recursive: true });
  const tarballs = readdirSync(packed).map((file) => join(packed, file));
  await succeed(
    "npm",
    ["install", "--silent", "--no-audit", "--no-fund", "--prefix", opt, ...tarballs],
    packed,
  );
  rmSync(packed, { recursive: true });
  await addLibraries(folder, process.execPath);

  const units = join(folder, "etc/systemd/system");
  mkdirSync(join(units, "multi-user.target.wants"), { recursive: true });
  cpSync(join(repository, "packaging/vidimus.service"), join(units, "vidimus.service"));
  symlinkSync("../vidimus.service", join(units, "multi-user.target.wants/vidimus.service"));
  symlinkSync("/usr/lib/systemd/system/multi-user.target", join(units, "default.target"));
  const configuration = join(folder, "etc/vidimus");
  mkdirSync(configuration);
  writeFileSync(join(configuration, "vidimus.yaml"), "");
  const secret = `vidimus-kek-v1:${randomBytes(32).toString("base64")}\n`;
  writeFileSync(join(configuration, "kek"), secret, { mode: 0o600 });
}
