/**
 * Our library as a builder uses it, against a server under test: a cache and a policy of its own, nothing of the machine.
 *
 * Every question opens a trust of its own, so that what is known from one question to the next is what lies in the cache
 * of that builder on disk.
 */

import { join, resolve } from "node:path";
import { TrustError } from "../../../src/client/errors.ts";
import type { TrustOptions } from "../../../src/client/options.ts";
import type { SignedTarget } from "../../../src/client/result.ts";
import { openTrust, type Trust } from "../../../src/client/trust.ts";
import { type Result, run } from "./process.ts";
import type { Stage } from "./scenario.ts";

export interface BuilderOptions extends Partial<TrustOptions> {
  /** The same name is the same builder, with the same cache; one of that name alone without. */
  readonly name?: string;
}

/** What of a stage a builder needs. */
export type Site = Pick<Stage, "server" | "repository" | "directory">;

/** The rule for the repository of the stage, beside what it matches. */
export type RuleText = Readonly<Record<string, unknown>>;

/** Opens a trust in the stage's repository, hands it to the task, and closes it. */
export async function withTrust<T>(
  stage: Site,
  rule: RuleText,
  task: (trust: Trust) => Promise<T>,
  { name = "builder", ...options }: BuilderOptions = {},
): Promise<T> {
  const directory = join(stage.directory, `trust-of-${name}`);
  const trust = await openTrust({
    server: stage.server.url,
    ca: stage.server.ca,
    policy: { repositories: [{ match: stage.repository, ...rule }] },
    cacheDir: join(directory, "cache"),
    dockerConfig: join(directory, "docker"),
    environment: {},
    ...options,
  });
  try {
    return await task(trust);
  } finally {
    await trust.close();
  }
}

/** What is signed for a name: what the library says of it, or the code of its refusal. */
export async function ask(
  stage: Site,
  rule: RuleText,
  target: string,
  options?: BuilderOptions,
): Promise<SignedTarget | string> {
  const question = { repository: stage.repository, target };
  return await orCode(withTrust(stage, rule, (trust) => trust.lookUp(question), options));
}

/** `ask` in short: the role that signs, or the code of the refusal. */
export async function roleOf(...question: Parameters<typeof ask>): Promise<string> {
  const answer = await ask(...question);
  return typeof answer === "string" ? answer : answer.role;
}

/** The digest of an image by its tag, or the code of the refusal. */
export async function digestOfTag(
  stage: Site,
  rule: RuleText,
  tag: string,
  options?: BuilderOptions,
): Promise<string> {
  const resolve = async (trust: Trust) => (await trust.resolve(`${stage.repository}:${tag}`)).digest;
  return await orCode(withTrust(stage, rule, resolve, options));
}

/** What comes of it, or the code of the refusal. */
export async function orCode<T>(answer: Promise<T>): Promise<T | string> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof TrustError) return error.code;
    throw error;
  }
}

const executable = resolve(import.meta.dirname, "../../../src/client/cli/main.ts");

/** Runs the client's own executable in a directory, which is its home too; any exit code is an answer. */
export function vidimusClient(stage: Site, directory: string, args: readonly string[]): Promise<Result> {
  return run(process.execPath, [executable, ...args, "--server", stage.server.url, "--ca", stage.server.ca], {
    env: { PATH: process.env.PATH ?? "", HOME: directory },
    cwd: directory,
  });
}
