/** From a reference to the rule that speaks for it: which repository, which server, which pins. */
import type { X509Certificate } from "node:crypto";
import { chooseRule } from "../../policy/choose.ts";
import type { OpenPins } from "../../policy/rules/pins.ts";
import { trimmed } from "../../policy/schema.ts";
import { type Pins, plainRule, type Rule, type TrustPolicy } from "../../policy/trust-policy.ts";
import { TrustError } from "../errors.ts";
import { type NamedBy, type PolicyPlace, readPem } from "../files/pem-file.ts";
import type { OpenOptions } from "../options.ts";
import { readAuthorities } from "./authorities.ts";
import { noRule, type Unruled, unruled } from "./no-rule.ts";
import type { NotaryConfig } from "./notary-config.ts";
import { besidePolicy } from "./servers.ts";

export interface Ruling {
  readonly rule: Rule;
  /** The name that is signed. */
  readonly repository: string;
  readonly server: string;
  /** Undefined: nothing is pinned. */
  readonly pins: OpenPins | undefined;
  /** The name that was asked about, and the rule's place in the policy's file. */
  readonly asked: Asked;
}

/** What was asked about, and by which rule. */
export interface Asked extends PolicyPlace {
  readonly name: string;
  /** What a command has to be given beside the policy so that it asks the same server, known by the same authority. */
  readonly flags: readonly string[];
}

export class Rules {
  readonly #policy: TrustPolicy;
  readonly #options: OpenOptions;
  readonly #notary: NotaryConfig | undefined;
  readonly #authorities = new Map<string, Promise<readonly X509Certificate[]>>();

  constructor(policy: TrustPolicy, options: OpenOptions, notary: NotaryConfig | undefined) {
    this.#policy = policy;
    this.#options = options;
    this.#notary = notary;
  }

  get default(): TrustPolicy["default"] {
    return this.#policy.default;
  }

  /** The trust servers that the rules lead to, as addresses are compared. */
  get servers(): readonly string[] {
    const rest = this.#policy.server ?? this.#options.server;
    const all = this.#policy.rules.map(({ server }) => server ?? rest);
    return [...new Set(all.filter((each) => each !== undefined).map(trimmed))];
  }

  /** Whether any rule speaks for a full name. */
  covers(name: string): boolean {
    return chooseRule(this.#policy, name) !== undefined;
  }

  /**
   * @param unruled `plain`: a name that no rule speaks for is given one that demands nothing, for looking and not trusting
   * Throws `NO_RULE`, `NO_SERVER`, `POLICY_INVALID`, `FILE_UNREADABLE`.
   */
  async rule(name: string, unruled: "refuse" | "plain" = "refuse"): Promise<Ruling> {
    const plain = { rule: plainRule({ text: name, segments: name.split("/") }, "no rule"), repository: name };
    const chosen = chooseRule(this.#policy, name) ?? (unruled === "plain" ? plain : undefined);
    if (chosen === undefined) {
      throw noRule(name, this.unruled(name));
    }
    if ("ambiguous" in chosen) {
      const places = chosen.ambiguous.map(({ place, match }) => `${place} (${match.text})`).join(" and ");
      const file = typeof this.#options.policy === "string" ? this.#options.policy : undefined;
      throw new TrustError("POLICY_INVALID", `${places} speak equally for ${name}: make one more specific.`, {
        file,
      });
    }
    const { rule, repository } = chosen;
    const server = rule.server ?? this.#policy.server ?? this.#options.server;
    if (server === undefined) {
      throw new TrustError("NO_SERVER", `Neither the policy nor an option names a trust server for ${name}.`);
    }
    const tofu = rule.tofu && this.#notary?.disableTofu !== true;
    return {
      rule: { ...rule, tofu },
      repository,
      server: trimmed(server),
      pins: await this.#pins(rule, repository),
      asked: { name, ...this.#placeOf(rule.place), flags: this.#flags(rule.server ?? this.#policy.server) },
    };
  }

  /** What is to be said of a name that no rule speaks for. */
  unruled(name: string): Unruled {
    const { server } = this.#policy;
    const isNowhere = server === undefined && this.#options.server === undefined;
    return unruled(name, this.#policy, isNowhere ? ["--server", "URL"] : this.#flags(server));
  }

  /** Opens the pins of every rule, so that what is wrong with their files is known. Throws `POLICY_INVALID`. */
  async openPins(): Promise<void> {
    for (const rule of this.#policy.rules) if (rule.pins !== undefined) await this.#open(rule, rule.pins);
  }

  /** @param named the server that the policy names, if it does */
  #flags(named: string | undefined): readonly string[] {
    const { server, ca } = this.#options;
    const isOwn = named === undefined || trimmed(named) === trimmed(server ?? "");
    if (server === undefined || !isOwn || (named !== undefined && ca === undefined)) return [];
    return ["--server", server, ...(ca === undefined ? [] : ["--ca", ca])];
  }

  #placeOf(place: string): PolicyPlace {
    const { source } = this.#policy;
    return { file: source?.file, line: source?.lines.get(place) };
  }

  async #pins(rule: Rule, repository: string): Promise<OpenPins | undefined> {
    if (rule.pins !== undefined) return this.#open(rule, rule.pins);
    const theirs = this.#notary?.pinsFor(repository);
    if (theirs === undefined) return undefined;
    if ("ca" in theirs)
      return { keys: [], certificates: [], authorities: await this.#read(theirs.ca, nowhere) };
    return { keys: [], certificates: theirs.certificates, authorities: [] };
  }

  async #open({ place }: Rule, { keys, certificates, ca }: Pins): Promise<OpenPins> {
    const key = "root.pins.ca";
    const by = { key, ...this.#placeOf(`${place}.${key}`) };
    const authorities = ca === undefined ? [] : await this.#read(besidePolicy(ca, this.#options), by);
    return { keys, certificates, authorities };
  }

  #read(path: string, by: NamedBy): Promise<readonly X509Certificate[]> {
    const known = this.#authorities.get(path);
    if (known !== undefined) return known;
    const read = readPem(path, "file of pinned authorities", by, readAuthorities);
    this.#authorities.set(path, read);
    // What could not be read may be mended before the next question.
    read.catch(() => this.#authorities.delete(path));
    return read;
  }
}

/** Of a file that Notary's configuration names: its own path says where it is. */
const nowhere: NamedBy = { key: "ca", file: undefined, line: undefined };
