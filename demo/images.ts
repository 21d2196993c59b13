/** The images of a LinuxKit yaml, with the repositories they are published in. */
import { parseDocument } from "yaml";

/** A made-up mirror: the name space of the repositories. Nothing is fetched from anywhere. */
export const mirror = "registry.example.test";

export interface Image {
  /** `kernel`, `init`, `onboot`, `onshutdown` or `services`. */
  readonly section: string;
  /** `registry.example.test/linuxkit/kernel`. */
  readonly repository: string;
  readonly tag: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

const reference =
  /^((?:[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*):([\w][\w.-]{0,127})@sha256:([0-9a-f]{64})$/;

/** Throws an `Error` that names the reference if one is not `name:tag@sha256:…` of one or two parts. */
export function imagesOf(yaml: string): Image[] {
  const file = parseDocument(yaml).toJS({ maxAliasCount: 0 }) as LinuxKitFile;
  const sections: [string, readonly (string | undefined)[]][] = [
    ["kernel", [file.kernel?.image]],
    ["init", file.init ?? []],
    ...(["onboot", "onshutdown", "services"] as const).map(
      (section): [string, readonly (string | undefined)[]] => [
        section,
        (file[section] ?? []).map(({ image }) => image),
      ],
    ),
  ];
  return sections.flatMap(([section, texts]) =>
    texts.filter((text) => text !== undefined).map((text) => ({ section, ...readReference(text) })),
  );
}

interface LinuxKitFile {
  readonly kernel?: { readonly image?: string };
  readonly init?: readonly string[];
  readonly onboot?: readonly { readonly image?: string }[];
  readonly onshutdown?: readonly { readonly image?: string }[];
  readonly services?: readonly { readonly image?: string }[];
}

function readReference(text: string): Omit<Image, "section"> {
  const [, name = "", tag = "", sha256 = ""] = reference.exec(text) ?? [];
  if (name === "") throw new Error(`${text} is not name:tag@sha256:digest`);
  const path = name.includes("/") ? name : `library/${name}`;
  return { repository: `${mirror}/${path}`, tag, sha256 };
}
