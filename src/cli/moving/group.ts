/** The group `vidimus import`, in which all ways of taking over stand. */
import { Command } from "commander";

/** Made by whoever asks first. */
export function groupOf(parent: Command): Command {
  const known = parent.commands.find((command) => command.name() === "import");
  if (known !== undefined) return known;
  const made = new Command("import")
    .description("take repositories over from an old Notary, and its keys")
    .copyInheritedSettings(parent);
  parent.addCommand(made);
  return made;
}
