/**
 * `doctor`: whether everything that a build needs is in order: policy, pins, trust servers with their TLS, the clock, the
 * cache, Docker's configuration. It changes nothing but for folders that it makes in the cache and removes.
 */

import { mkdtemp, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { diskCache } from "../cache/cache.ts";
import { saidBy } from "../command.ts";
import { endings, worst } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { ClientLimits } from "../limits.ts";
import { checkOptions, type OpenOptions } from "../options.ts";
import { readPolicyFile } from "../policy/file.ts";
import { Rules } from "../policy/rules.ts";
import { Servers, trimmed } from "../policy/servers.ts";
import { unusedSettings } from "../policy/unused-settings.ts";
import type { ClientContext } from "./context.ts";
import { type Diagnosis, faultOf } from "./diagnosis.ts";
import { lostRules, openRules, triedPins } from "./doctor-pins.ts";
import { examples } from "./examples.ts";
import { addTrustFlags, type TrustFlags, trustOptions } from "./flags.ts";
import { printJson } from "./report.ts";
import { count, formatWithCommands } from "./table.ts";

/** Beyond this difference from a server's clock, fresh files look expired or expired ones fresh. Milliseconds. */
const clockTolerance = 60_000;
/** A repository that nobody makes: the server's answer shows that it answers. */
const probe = { repository: "vidimus/doctor", file: "root.json", maxBytes: 65_536 };

export function addDoctor(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const command = parent
    .command("doctor")
    .addHelpText("after", examples(`${context.program} doctor`))
    .description("check the policy, the servers, the clock, the cache and Docker's configuration")
    .option("--json", "print a document");
  addTrustFlags(command).action(async (flags: TrustFlags & { json?: boolean }) => {
    const all = (await diagnose(flags, context)).map((each) => saidHere(each, context));
    if (flags.json === true) printJson(context, { format: "vidimus-doctor/1", diagnoses: all });
    else {
      const rows = all.map(({ subject, state, what, next = "" }) => [state, subject, what, next]);
      context.stdout(
        `${formatWithCommands([["", "subject", "what", "what to do"], ...rows], context.columns)}\n`,
      );
    }
    const ending = worst(all.flatMap(({ ending: each }) => (each === undefined ? [] : [each])));
    finish(ending === undefined ? 0 : endings[ending].exit);
  });
}

/** With the name of the executable that was called in the commands that are told. */
function saidHere({ what, next, ...rest }: Diagnosis, { program }: ClientContext): Diagnosis {
  const told = next === undefined ? {} : { next: saidBy(next, program) };
  return { ...rest, what: saidBy(what, program), ...told };
}

async function diagnose(flags: TrustFlags, context: ClientContext): Promise<readonly Diagnosis[]> {
  const given = trustOptions(flags, context);
  const options = checkOptions(given);
  const policy = await tried("policy", () => readPolicy(options));
  const cache = await cacheDiagnoses(options);
  // Which servers a policy names that cannot be read is not known.
  const isUnread = policy.diagnosis.state !== "ok" && options.server === undefined;
  const servers = isUnread ? [] : await serverDiagnoses(options, policy.value);
  const usable = policy.value !== undefined && cache.every(({ state }) => state === "ok");
  const { cacheDir, limits } = options;
  const quick = { ...given, cacheDir, limits: { ...given.limits, ...patience(limits) } };
  return [
    policy.diagnosis,
    ...(policy.value === undefined ? [] : openRules(policy.value)),
    ...(policy.value === undefined ? [] : lostRules(policy.value, options.server)),
    ...(policy.value === undefined ? [] : unusedSettings(policy.value, options.server).map(unusedDiagnosis)),
    ...cache,
    await dockerDiagnosis(options),
    ...servers,
    ...(usable && policy.value !== undefined ? await triedPins(policy.value, quick) : []),
  ];
}

/** A build may wait; who asks what is wrong should not have to. */
function patience({ updateTime }: ClientLimits): Partial<ClientLimits> {
  return { tries: 1, requestTime: 10_000, updateTime: Math.min(updateTime, 15_000) };
}

interface Tried<T> {
  readonly value: T | undefined;
  readonly diagnosis: Diagnosis;
}

async function tried<T>(subject: string, task: () => Promise<{ value: T; what: string }>): Promise<Tried<T>> {
  try {
    const { value, what } = await task();
    return { value, diagnosis: { subject, state: "ok", what } };
  } catch (error) {
    return { value: undefined, diagnosis: faultOf(subject, error) };
  }
}

async function readPolicy(options: OpenOptions): Promise<{ value: TrustPolicy | undefined; what: string }> {
  const { policy } = options;
  if (typeof policy !== "string")
    return { value: undefined, what: "none is named; every name needs a pin from --notary-config" };
  const value = await readPolicyFile(policy);
  await new Rules(value, options, undefined).openPins();
  const rules = count(value.rules.length, "rule", "rules");
  return { value, what: `${policy}: ${rules}; names outside of them: ${value.default}` };
}

function unusedDiagnosis(what: string): Diagnosis {
  return { subject: "policy", state: "warning", what, next: "Remove it, or correct the name." };
}

async function cacheDiagnoses(options: OpenOptions): Promise<readonly Diagnosis[]> {
  const writing = await cacheDiagnosis(options);
  if (writing.state !== "ok") return [writing];
  const faults = await diskCache(options.cacheDir).faults();
  return faults.length === 0 ? [writing] : faults.map((fault) => faultOf("cache", fault));
}

async function cacheDiagnosis({ cacheDir }: OpenOptions): Promise<Diagnosis> {
  try {
    await makeFolder(cacheDir, 0o700);
    await rmdir(await mkdtemp(join(cacheDir, ".doctor-")));
    return { subject: "cache", state: "ok", what: cacheDir };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const next = "Make it writable, or name another with --cache.";
    return {
      subject: "cache",
      state: "fault",
      what: `${cacheDir} cannot be written (${code})`,
      next,
      ending: "cache",
    };
  }
}

async function dockerDiagnosis({ dockerConfig, environment }: OpenOptions): Promise<Diagnosis> {
  const file = join(dockerConfig, "config.json");
  try {
    await stat(file);
  } catch {
    return {
      subject: "docker",
      state: "ok",
      what: `${file} is not there: repositories are read without credentials`,
    };
  }
  const { dockerCredentials } = await import("../fetch/docker-credentials.ts");
  const source = dockerCredentials({ directory: dockerConfig, environment });
  return (
    await tried("docker", async () => {
      // A registry that nobody has: only the file is read, no helper of a real registry is asked.
      const nobody = { server: "https://doctor.invalid", repository: "doctor.invalid/vidimus" };
      await source.find(nobody, AbortSignal.timeout(10_000));
      return { value: undefined, what: file };
    })
  ).diagnosis;
}

async function serverDiagnoses(
  options: OpenOptions,
  policy: TrustPolicy | undefined,
): Promise<readonly Diagnosis[]> {
  const named = [options.server, policy?.server, ...(policy?.rules.map(({ server }) => server) ?? [])];
  const urls = [...new Set(named.filter((url) => url !== undefined).map(trimmed))];
  if (urls.length === 0) {
    // Rules that lead nowhere have been told one by one.
    if (policy !== undefined && policy.rules.length > 0) return [];
    const next = "Name one with `server` in the policy, or with --server.";
    return [
      { subject: "server", state: "fault", what: "no trust server is named", next, ending: "policyFile" },
    ];
  }
  const plain: TrustPolicy = policy ?? {
    default: "refuse",
    server: undefined,
    servers: new Map(),
    rules: [],
  };
  return (await Promise.all(urls.map((url) => serverDiagnosis(options, plain, url)))).flat();
}

async function serverDiagnosis(
  options: OpenOptions,
  policy: TrustPolicy,
  url: string,
): Promise<readonly Diagnosis[]> {
  let date: string | undefined;
  const onEvent: OpenOptions["onEvent"] = (event) => {
    if (event.type === "request") date = event.date;
  };
  const servers = new Servers(
    { ...options, onEvent, limits: { ...options.limits, ...patience(options.limits) } },
    policy,
  );
  const { diagnosis } = await tried(url, async () => {
    const fetcher = await servers.fetcher(url);
    await fetcher.get({ ...probe, signal: AbortSignal.timeout(15_000) });
    return { value: undefined, what: "answers" };
  });
  await servers.close();
  return date === undefined
    ? [diagnosis]
    : [diagnosis, clockDiagnosis(url, Date.parse(date) - options.now())];
}

function clockDiagnosis(url: string, difference: number): Diagnosis {
  const seconds = Math.round(difference / 1_000);
  if (!(Math.abs(difference) > clockTolerance))
    return { subject: "clock", state: "ok", what: `within ${Math.abs(seconds)} s of ${url}` };
  const what = `${Math.abs(seconds)} s ${seconds > 0 ? "behind" : "ahead of"} ${url}`;
  return {
    subject: "clock",
    state: "fault",
    what,
    next: `Set the clock here, or that of ${url} if it is wrong: expiry is judged by it.`,
    ending: "stale",
  };
}
