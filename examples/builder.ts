// Verifies an image, pulls it from a registry on loopback, and unpacks it once every byte of it was checked.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, promises, readFileSync, renameSync, rmSync } from "node:fs";
import { endings, explain, openTrust, parseReference } from "../src/client/index.ts"; // Or "@vidimus/client".

type Blob = { digest: string; size: number; platform?: { os: string; architecture: string } };
const [oci, docker] = ["application/vnd.oci.image", "application/vnd.docker.distribution.manifest"];
const accept = `${oci}.index.v1+json,${oci}.manifest.v1+json,${docker}.list.v2+json,${docker}.v2+json`;
const cpu = process.arch.replace("x64", "amd64");
const isOurs = ({ platform }: Blob) => platform?.os === "linux" && platform.architecture === cpu;
async function save(url: string, { digest, size }: Blob, file: string): Promise<void> {
  const signal = AbortSignal.timeout(300_000);
  const away = ({ cause }: Error) => Promise.reject(new Error(`${url} cannot be reached (${cause}).`));
  const { ok, status, body } = await fetch(`${url}/${digest}`, { headers: { accept }, signal }).catch(away);
  if (!ok || body === null) throw new Error(`${url}/${digest}: ${status}`);
  const hash = createHash("sha256");
  let left = size;
  async function* checked(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0) break;
      hash.update(chunk);
      yield chunk;
    }
  }
  await promises.writeFile(file, checked(body));
  if (left !== 0 || `sha256:${hash.digest("hex")}` !== digest) throw new Error(`${digest} has other bytes.`);
}
const [image = "", rootfs = "", ...others] = process.argv.slice(2);
if (rootfs === "" || others.length > 0 || existsSync(rootfs)) {
  console.error("Usage: node builder.ts IMAGE DIRECTORY (one that is not there yet)");
  process.exit(2);
}
const work = mkdtempSync(`${rootfs}.`);
const [manifest, layer, tree] = [`${work}/manifest`, (n: number) => `${work}/layer-${n}`, `${work}/tree`];
mkdirSync(tree);
try {
  const trust = await openTrust({ policy: process.env.VIDIMUS_POLICY ?? "trust.yaml" });
  const { digest, length } = await trust.resolve(image).finally(() => void trust.close());
  const registry = (({ host, path }) => `http://${host}/v2/${path}`)(parseReference(image));
  const read = () => JSON.parse(readFileSync(manifest, "utf8")) as { manifests?: Blob[]; layers: Blob[] };
  await save(`${registry}/manifests`, { digest, size: length }, manifest);
  const ours = read().manifests?.find(isOurs);
  if (ours !== undefined) await save(`${registry}/manifests`, ours, manifest);
  const { layers } = read();
  for (const [n, blob] of layers.entries()) await save(`${registry}/blobs`, blob, layer(n));
  for (const n of layers.keys()) {
    const names = execFileSync("tar", ["-tf", layer(n)], { encoding: "utf8" });
    if (/(^|\/)\.wh\./m.test(names)) throw new Error("A layer deletes files of lower ones.");
    execFileSync("tar", ["-xf", layer(n), "-C", tree]);
  }
  renameSync(tree, rootfs);
} catch (error) {
  const known = explain(error);
  console.error(known === undefined ? `${error}` : `${known.what} ${known.who}: ${known.next}`);
  process.exitCode = known === undefined ? 1 : endings[known.ending].exit;
} finally {
  rmSync(work, { recursive: true });
}
