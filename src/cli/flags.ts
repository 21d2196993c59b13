/** The flags that set configuration keys, shared by `serve` and `config`. */
import { type Command, Option } from "commander";
import { findKey } from "../config/keys.ts";
import { type FlagValue, type LoadedConfig, loadConfig } from "../config.ts";
import type { CliContext } from "./output.ts";
import { shellWord } from "./shell-word.ts";

/** Flag and key. Keys without a flag of their own are set with `--set`. */
const flags: readonly (readonly [string, string])[] = [
  ["--data <directory>", "data"],
  ["--host <address>", "server.host"],
  ["--port <number>", "server.port"],
  ["--socket <path>", "server.socket"],
  ["--plain-http", "server.plainHttp"],
  ["--read-only", "server.readOnly"],
  ["--workers <number>", "server.workers"],
  ["--trusted-proxies <list>", "server.trustedProxies"],
  ["--tls-certificate <file>", "tls.certificate"],
  ["--tls-key <file>", "tls.key"],
  ["--tls-names <list>", "tls.names"],
  ["--operations", "operations.enabled"],
  ["--operations-port <number>", "operations.port"],
  ["--policy <file>", "policy.file"],
  ["--store <kind>", "store.kind"],
  ["--signer-secret <uri>", "signer.secret"],
  ["--accept-anonymous", "auth.acceptAnonymous"],
  ["--log-level <level>", "log.level"],
  ["--log-format <format>", "log.format"],
];

function splitAssignment(text: string): FlagValue {
  const [key = "", ...rest] = text.split("=");
  return { flag: "--set", key, text: rest.join("=") };
}

/** Adds the flags to a command. */
export function addConfigurationFlags(command: Command): Command {
  command.option("--config <file>", "read the configuration from a YAML file");
  for (const [flag, key] of flags) {
    const row = findKey(key);
    command.addOption(new Option(flag, row === undefined ? key : `${key}: ${row.description}`));
  }
  return command.option(
    "--set <key=value>",
    "set any configuration key; may be repeated",
    (text: string, earlier: readonly FlagValue[]) => [...earlier, splitAssignment(text)],
    [],
  );
}

/** Reads flags, environment and file. Throws `ConfigurationError`. */
export function loadFrom(command: Command, context: CliContext): LoadedConfig {
  const options: Readonly<Record<string, unknown>> = command.opts();
  const values = flags.flatMap(([definition, key]): FlagValue[] => {
    const option = new Option(definition);
    const value = options[option.attributeName()];
    if (value === undefined) return [];
    return [{ flag: option.long ?? definition, key, text: String(value) }];
  });
  const assigned = options.set as readonly FlagValue[];
  const file = options.config as string | undefined;
  return loadConfig({
    flags: [...values, ...assigned],
    env: context.env,
    ...(file === undefined ? {} : { file }),
    readFile: context.readFile,
  });
}

/** Where a server is and how to know it: what a command is told of that, the next one has to be told, too. */
const ofPlace = ["--server", "--ca", "--config", "--data", "--port", "--socket", "--plain-http", "--host"];

const keysOfPlace = /^(?:data|server\.|tls\.certificate$|auth\.mode$)/;

/** The flags of this kind that were given, as a shell takes them, with a space before each. */
export function placeFlags(command: Command): string {
  const words = ofPlace.flatMap((flag) => {
    const option = command.options.find(({ long }) => long === flag);
    const name = option?.attributeName() ?? "";
    if (option === undefined || command.getOptionValueSource(name) !== "cli") return [];
    const value: unknown = command.getOptionValue(name);
    return value === true ? [flag] : [flag, shellWord(String(value))];
  });
  const { set = [] } = command.opts<{ set?: readonly FlagValue[] }>();
  const assigned = set
    .filter(({ key }) => keysOfPlace.test(key))
    .flatMap(({ key, text }) => ["--set", shellWord(`${key}=${text}`)]);
  return [...words, ...assigned].map((word) => ` ${word}`).join("");
}
