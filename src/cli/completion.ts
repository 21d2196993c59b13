/**
 * `vidimus completion SHELL`: a script that completes commands and flags, made from the commands as they are. It asks nothing of
 * Vidimus when it runs, and completes file names where a value or an argument stands.
 */
import { Argument, type Command, type Option } from "commander";
import { examples } from "../client/cli/examples.ts";
import type { CliContext } from "./output.ts";

/** A command, by the words that lead to it: `""` for the program, `/key/generate` for one below. */
interface Place {
  readonly at: string;
  readonly commands: readonly { readonly name: string; readonly what: string }[];
  readonly options: readonly {
    /** `--algorithm`, and `-p` where there is one. */
    readonly flags: readonly string[];
    readonly what: string;
    readonly takesValue: boolean;
    /** Empty: any value. */
    readonly choices: readonly string[];
  }[];
}

const shells = { bash, zsh, fish } as const;

export function addCompletion(program: Command, context: Pick<CliContext, "stdout">): void {
  program
    .command("completion")
    .description("print a script that lets a shell complete commands and flags")
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(shells)))
    .addHelpText(
      "after",
      examples(
        "vidimus completion bash > ~/.local/share/bash-completion/completions/vidimus",
        "vidimus completion zsh > ~/.zfunc/_vidimus",
        "vidimus completion fish > ~/.config/fish/completions/vidimus.fish",
      ),
    )
    .action((shell: keyof typeof shells) => {
      context.stdout(shells[shell](program.name(), placesIn(program)));
    });
}

function placesIn(command: Command, at = ""): readonly Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  return [
    {
      at,
      commands: commands.map((each) => ({ name: each.name(), what: each.description() })),
      options: help.visibleOptions(command).map(optionOf),
    },
    ...commands.flatMap((each) => placesIn(each, `${at}/${each.name()}`)),
  ];
}

function optionOf({ long, short, description, required, optional, argChoices }: Option) {
  const flags = [long, short].filter((flag) => typeof flag === "string");
  return { flags, what: description, takesValue: required || optional, choices: argChoices ?? [] };
}

/** Every command's way, for a `case` that walks along the words. */
const ways = (places: readonly Place[]) => places.map(({ at }) => at).filter((at) => at !== "");

/** Patterns `PLACE FLAG` for what wants a value: those with choices each, the others together. */
function valued(places: readonly Place[]) {
  const all = places.flatMap(({ at, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .flatMap(({ flags, choices }) => flags.map((flag) => ({ pattern: `'${at} ${flag}'`, choices }))),
  );
  return {
    chosen: all.filter(({ choices }) => choices.length > 0),
    free: all.filter(({ choices }) => choices.length === 0).map(({ pattern }) => pattern),
  };
}

/** Within single quotes, where a shell looks at nothing but their end. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const made = (program: string, shell: string) => `# Made by \`${program} completion ${shell}\`.`;

function bash(program: string, places: readonly Place[]): string {
  const { chosen, free } = valued(places);
  const words = (each: readonly string[]) => `'${each.join(" ")}'`;
  return `${made(program, "bash")}
_${program}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at='' commands='' options='' index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$at/\${COMP_WORDS[index]}" in
      ${ways(places).join(" | ")}) at="$at/\${COMP_WORDS[index]}" ;;
    esac
  done
  case "$at $before" in
${chosen.map(({ pattern, choices }) => `    ${pattern}) COMPREPLY=($(compgen -W ${words(choices)} -- "$word")); return ;;`).join("\n")}
    ${free.join(" | ")}) return ;;
  esac
  case "$at" in
${places
  .map(
    ({ at, commands, options }) =>
      `    '${at}') commands=${words(commands.map(({ name }) => name))} options=${words(options.flatMap(({ flags }) => flags))} ;;`,
  )
  .join("\n")}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) COMPREPLY=($(compgen -W "$commands" -- "$word")) ;;
  esac
}
complete -o default -F _${program} ${program}
`;
}

function zsh(program: string, places: readonly Place[]): string {
  const { chosen, free } = valued(places);
  return `#compdef ${program}
${made(program, "zsh")}
_${program}() {
  local at='' each before="\${words[CURRENT-1]}"
  local -a commands options
  for each in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$each" in
      (${ways(places).join("|")}) at="$at/$each" ;;
    esac
  done
  case "$at $before" in
${chosen.map(({ pattern, choices }) => `    (${pattern}) compadd -- ${choices.map(quoted).join(" ")}; return ;;`).join("\n")}
    (${free.join("|")}) _files; return ;;
  esac
  case "$at" in
${places
  .map(({ at, commands, options }) => {
    const ofCommands = commands.map(({ name, what }) => quoted(`${name}:${what}`)).join(" ");
    const ofOptions = options
      .flatMap(({ flags, what }) => flags.map((flag) => quoted(`${flag}:${what}`)))
      .join(" ");
    return `    ('${at}') commands=(${ofCommands}); options=(${ofOptions}) ;;`;
  })
  .join("\n")}
  esac
  if [[ "$PREFIX" == -* ]]; then
    _describe -o option options
  elif (( \${#commands} )); then
    _describe command commands
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _${program} ]]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`;
}

function fish(program: string, places: readonly Place[]): string {
  // In single quotes fish reads a backslash before a quote or another backslash, and nothing else.
  const inFish = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = places.flatMap(({ at, commands, options }) => {
    const where = `complete -c ${program} -n ${inFish(`__${program}_at "${at}"`)}`;
    return [
      ...commands.map(({ name, what }) => `${where} -f -a ${name} -d ${inFish(what)}`),
      ...options.map(({ flags, what, takesValue, choices }) => {
        const names = flags
          .map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
          .join(" ");
        const value = choices.length > 0 ? ` -x -a ${inFish(choices.join(" "))}` : takesValue ? " -r" : "";
        return `${where} ${names}${value} -d ${inFish(what)}`;
      }),
    ];
  });
  return `${made(program, "fish")}
function __${program}_at
    set -l at ''
    for each in (commandline -opc)[2..-1]
        switch "$at/$each"
            case ${ways(places).join(" ")}
                set at "$at/$each"
        end
    end
    test "$at" = "$argv[1]"
end
${lines.join("\n")}
`;
}
