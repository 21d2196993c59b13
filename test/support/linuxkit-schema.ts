/**
 * What LinuxKit takes as a yaml file, so that a test can say that a file written here would not be refused there.
 *
 * Follows `linuxkit build` as of March 2026: no object may have a key that is not listed, only `name` and `image` of
 * a container must be there, and nothing may be null. `trust` is still taken, and has no effect there. Stricter than
 * the original in one thing: a file of several documents is a finding, there all but the first are passed over.
 */

import { parseDocument } from "yaml";
import { z } from "zod";

const text = z.string();
const texts = z.array(text);
const flag = z.boolean();
const whole = z.int();
const id = z.union([text, whole], { error: "expected a string or a whole number" });
const pairs = z.record(text, text);

/** Of these keys, any or none, and no other. */
const some = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).partial();

const idMappings = z.array(some({ hostID: whole, containerID: whole, size: whole }));

const mounts = z.array(
  some({
    destination: text,
    type: text,
    source: text,
    options: texts,
    uidmappings: idMappings,
    gidmappings: idMappings,
  }),
);

const throttles = z.array(some({ major: whole, minor: whole, rate: whole }));

const resources = some({
  devices: z.array(some({ allow: flag, type: text, major: whole, minor: whole, access: text })),
  memory: some({
    limit: whole,
    reservation: whole,
    swap: whole,
    kernel: whole,
    kernelTCP: whole,
    swappiness: whole,
    disableOOMKiller: flag,
  }),
  cpu: some({
    shares: whole,
    quota: whole,
    period: whole,
    realtimeRuntime: whole,
    realtimePeriod: whole,
    cpus: text,
    mems: text,
  }),
  pids: some({ limit: whole }),
  blockio: some({
    weight: whole,
    leafWeight: whole,
    weightDevice: z.array(some({ major: whole, minor: whole, weight: whole, leafWeight: whole })),
    throttleReadBpsDevice: throttles,
    throttleWriteBpsDevice: throttles,
    throttleReadIOPSDevice: throttles,
    throttleWriteIOPSDevice: throttles,
  }),
  hugepageLimits: z.array(some({ pageSize: whole, limit: whole })),
  network: some({ classID: whole, priorities: z.array(some({ name: text, priority: whole })) }),
});

const runtime = some({
  cgroups: texts,
  mounts,
  mkdir: texts,
  interfaces: z.array(some({ name: text, add: text, peer: text, createInRoot: flag })),
  bindNS: some({ cgroup: text, ipc: text, mnt: text, net: text, pid: text, user: text, uts: text }),
  namespace: text,
});

const container = some({
  name: text,
  image: text,
  capabilities: texts,
  "capabilities.add": texts,
  ambient: texts,
  mounts,
  binds: texts,
  "binds.add": texts,
  devices: z.array(some({ path: text, type: text, major: whole, minor: whole, mode: text })),
  tmpfs: texts,
  command: texts,
  env: texts,
  cwd: text,
  net: text,
  pid: text,
  ipc: text,
  uts: text,
  userns: text,
  readonly: flag,
  maskedPaths: texts,
  readonlyPaths: texts,
  uid: id,
  gid: id,
  additionalGids: z.array(id),
  noNewPrivileges: flag,
  hostname: text,
  oomScoreAdj: whole,
  rootfsPropagation: text,
  cgroupsPath: text,
  resources,
  sysctl: pairs,
  rlimits: texts,
  uidMappings: idMappings,
  gidMappings: idMappings,
  annotations: pairs,
  runtime,
}).required({ name: true, image: true });

const file = some({
  path: text,
  directory: flag,
  symlink: text,
  contents: text,
  source: text,
  metadata: text,
  optional: flag,
  mode: text,
  uid: id,
  gid: id,
});

const volume = some({
  name: text.regex(/^[a-z0-9_-]*$/, "may hold only small letters, digits, _ and -"),
  image: text,
  readonly: flag,
  format: z.enum(["oci", "filesystem"]),
  platforms: texts,
});

const schema = some({
  kernel: some({ image: text, cmdline: text, binary: text, tar: text, ucode: text }),
  init: texts,
  onboot: z.array(container),
  onshutdown: z.array(container),
  services: z.array(container).refine(namesDiffer, "two services of one name"),
  trust: some({ image: texts, org: texts }),
  files: z.array(file),
  volumes: z.array(volume).refine(namesDiffer, "two volumes of one name"),
});

function namesDiffer(entries: readonly { readonly name?: string | undefined }[]): boolean {
  return new Set(entries.map(({ name }) => name)).size === entries.length;
}

/** Why LinuxKit would refuse this yaml, a sentence each; empty when it would not. */
export function linuxkitFindings(yaml: string): string[] {
  // The words of truth are those of 1.2, whatever version the file says it has.
  const document = parseDocument(yaml, { merge: true, schema: "core" });
  if (document.errors.length > 0) {
    return document.errors.map(({ message }) => `Not yaml: ${message.split("\n")[0]}`);
  }
  const said = document.directives?.yaml;
  if (said?.explicit && said.version !== "1.1") return [`Not yaml: "%YAML ${said.version}" is not taken.`];
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return [`Not yaml: ${(error as Error).message}.`];
  }
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `At ${place(path)}: ${message}.`);
}

/** `services[0].image`; `the top` for no path. */
function place(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  return steps.join("").replace(/^\./, "") || "the top";
}
