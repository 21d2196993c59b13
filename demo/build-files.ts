/** What is built in the demonstration, and the policy it is built under. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mirror } from "./images.ts";

export interface BuildFiles {
  readonly linuxkit: string;
  readonly dockerfile: string;
  readonly policy: string;
}

/**
 * Writes the LinuxKit yaml by names and tags alone, a Dockerfile that uses two of its images, and a policy: images of the
 * Hub are taken as they are signed under the mirror's name, by the pinned root key and by two people.
 */
export function writeBuildFiles(directory: string, yaml: string, server: string, keyId: string): BuildFiles {
  const files = { linuxkit: "sshd.yml", dockerfile: "Dockerfile", policy: "trust.yaml" };
  const byTag = yaml.replaceAll(/@sha256:[0-9a-f]{64}/g, "");
  const [kernel = "", sshd = ""] = ["kernel", "sshd"].map(
    (name) => new RegExp(`linuxkit/${name}:\\S+`).exec(byTag)?.[0] ?? "",
  );
  writeFileSync(join(directory, files.linuxkit), byTag);
  writeFileSync(
    join(directory, files.dockerfile),
    `FROM ${kernel} AS kernel\nFROM ${sshd}\nCOPY --from=kernel /kernel /boot/\n`,
  );
  writeFileSync(
    join(directory, files.policy),
    `${JSON.stringify(
      {
        version: 1,
        default: "refuse",
        server,
        repositories: [
          {
            match: "docker.io/**",
            trustedAs: `${mirror}/**`,
            root: { pins: { keys: [keyId] } },
            roles: { targets: { minThreshold: 2 } },
          },
        ],
      },
      null,
      2,
    )}\n`,
  );
  return files;
}
