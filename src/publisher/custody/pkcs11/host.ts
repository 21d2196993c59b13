/**
 * This side of the process in which a module runs: asks one question at a time, and gives up on a process that does not answer
 * in time or has ended. Given up is for good; who asks again begins with another process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { KeyError } from "../errors.ts";
import type { Answer, QuestionName, Questions, Refusal } from "./messages.ts";
// Named as a type, so that what compiles this file compiles that one.
import type {} from "./token-process.ts";

/** A call that the module refused. */
export class TokenCallError extends Error {
  readonly rv: number;
  readonly rvName: string;
  constructor({ rv, rvName }: Refusal) {
    super(rvName);
    this.rv = rv;
    this.rvName = rvName;
  }
}

export interface HostOptions {
  readonly module: string;
  readonly driver: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for a call that waits for nobody. */
  readonly timeout: number;
}

const longestFarewell = 2_000;

export class TokenHost {
  readonly #child: ChildProcess;
  readonly #options: HostOptions;
  #turn: Promise<unknown> = Promise.resolve();
  #ended: KeyError | undefined;
  #fail: ((error: KeyError) => void) | undefined;
  #answer: ((answer: Answer) => void) | undefined;

  /** Throws `TOKEN_DRIVER_MISSING` or `TOKEN_UNREADABLE`. */
  static async start(options: HostOptions): Promise<TokenHost> {
    const host = new TokenHost(options);
    const { driver, module } = options;
    try {
      await host.ask("start", { driver, module });
      return host;
    } catch (error) {
      await host.end();
      throw error;
    }
  }

  private constructor(options: HostOptions) {
    this.#options = options;
    this.#child = fork(fileURLToPath(new URL(programName, import.meta.url)), [], {
      // A debugger's port is the parent's alone, and passphrases are nothing that a module should find.
      execArgv: [],
      env: withoutPassphrases(options.environment),
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#child.on("message", (answer: Answer) => this.#answer?.(answer));
    this.#child.on("error", (cause) => this.#giveUp("cannot be started", cause));
    this.#child.on("exit", (_code, signal) =>
      this.#giveUp(`crashed${signal === null ? "" : ` (${signal})`}`),
    );
    // Whoever waits for an answer is kept alive by its time limit, and nobody else needs to wait.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Throws `KeyError` where nothing can be asked any more, and `TokenCallError` where the module says no. */
  ask<N extends QuestionName>(
    name: N,
    ask: Questions[N]["ask"],
    timeout = this.#options.timeout,
  ): Promise<Questions[N]["answer"]> {
    const asked = this.#turn.then(() => this.#exchange({ name, ...ask }, timeout));
    this.#turn = asked.catch(() => {});
    return asked as Promise<Questions[N]["answer"]>;
  }

  /** Finalises the module if it answers, and ends the process in any case. Idempotent. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.#giveUp("was let go of"), longestFarewell);
    try {
      await this.ask("end", {}, longestFarewell);
    } catch {
      // It is ended either way.
    } finally {
      clearTimeout(timer);
    }
    this.#giveUp("was let go of");
  }

  async #exchange(question: object, timeout: number): Promise<unknown> {
    if (this.#ended !== undefined) throw this.#ended;
    const timer = setTimeout(() => this.#giveUp(`did not answer within ${timeout / 1000} s`), timeout);
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        this.#answer = resolve;
        this.#fail = reject;
        this.#child.send(question, (cause) => cause && this.#giveUp("cannot be reached", cause));
      });
      if ("value" in answer) return answer.value;
      throw this.#refused(answer.refusal);
    } finally {
      clearTimeout(timer);
      this.#answer = undefined;
      this.#fail = undefined;
    }
  }

  #refused(refusal: Refusal): Error {
    if (refusal.of === "call") return new TokenCallError(refusal);
    const cause = new TokenCallError(refusal);
    if (refusal.of === "driver") return driverMissing(this.#options.driver);
    return unreadable(this.#options.module, "cannot be loaded", cause);
  }

  #giveUp(what: string, cause?: unknown): void {
    this.#ended ??= unreadable(this.#options.module, what, cause);
    this.#fail?.(this.#ended);
    this.#child.kill("SIGKILL");
  }
}

/** Beside this file, compiled or as written. */
const programName = import.meta.url.endsWith(".ts") ? "./token-process.ts" : "./token-process.js";

function withoutPassphrases(environment: HostOptions["environment"]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/PASSPHRASE/i.test(name)));
}

export function unreadable(module: string, what: string, cause?: unknown): KeyError {
  const sentence = `The PKCS#11 module ${module} ${what}; check its path, its configuration and whether the token is plugged in.`;
  return new KeyError("TOKEN_UNREADABLE", sentence, cause);
}

function driverMissing(named: string | undefined): KeyError {
  const sentence =
    named === undefined
      ? "Keys in a PKCS#11 token need the package pkcs11js, which is not installed; run `npm install --global --ignore-scripts=false pkcs11js@2` (it is compiled: a C++ compiler, make and Python are needed) and name its folder in VIDIMUS_PKCS11JS, for example `$(npm root --global)/pkcs11js`."
      : `The package pkcs11js cannot be loaded from ${named}; name the folder in which it was installed and compiled in VIDIMUS_PKCS11JS, for example \`$(npm root --global)/pkcs11js\`.`;
  return new KeyError("TOKEN_DRIVER_MISSING", sentence);
}
