/**
 * Compose files.
 *
 * Compose pulls `image` of a service, of its image mounts and of its `pre_start` steps, and hands
 * `docker-image://` contexts to the builder. An image that is also built is pulled too, before it is built, unless
 * `pull_policy` says otherwise; so that is demanded. Keys that are not known are refused: a new one may name an image.
 * Variables have the values of `args` and no others; what they give is written out in the locked file.
 */
import { composeBuild } from "./compose-build.ts";
import { ComposeFile } from "./compose-file.ts";
import { hookKeys, mountKeys, serviceKeys, topKeys } from "./compose-keys.ts";
import { type Input, plainInput, type ReadOptions } from "./input.ts";
import type { Source } from "./source.ts";
import { shown } from "./words.ts";
import type { Value } from "./yaml-tree.ts";

/** Throws `INPUT_INVALID`, `VARIABLE`. */
export function readCompose(source: Source, options: ReadOptions): Input {
  const file = new ComposeFile(source, options);
  const top = file.entries(file.tree.root(), "The file", topKeys);
  const include = top.get("include");
  if (include && !file.tree.isNull(include)) {
    throw source.invalid(
      include.offset,
      "include brings in other files; give the result of `docker compose config`.",
    );
  }
  if (file.given(top.get("models")))
    file.note("The models in `models` are not verified: they are no images.");
  const services = new Services(file, top.get("services"));
  services.read();
  const { images, notes } = file;
  const { text } = source;
  return plainInput({ format: "compose", file: source.file, text, images, notes });
}

const longestChain = 32;
/** As Compose demands it: it refuses the file otherwise. */
const serviceName = /^[a-zA-Z0-9._-]+$/;

type Service = ReadonlyMap<string, Value>;

class Services {
  readonly #file: ComposeFile;
  readonly #all = new Map<string, Service>();

  constructor(file: ComposeFile, value: Value | undefined) {
    this.#file = file;
    if (value === undefined || file.tree.isNull(value)) return;
    for (const [name, service] of file.tree.entries(value, "services")) {
      if (!serviceName.test(name)) {
        throw file.invalidKey(
          service,
          `The service ${shown(name)} may only have letters, digits, and . _ - in its name.`,
        );
      }
      // One that is named x-… is a service like any other, no extension.
      this.#all.set(name, file.entries(service, placeOf(name), serviceKeys));
    }
  }

  read(): void {
    for (const [name, service] of this.#all) {
      const place = placeOf(name);
      this.#extends(name, service);
      const built = composeBuild(this.#file, place, this.#given(service, "build"));
      const image = this.#given(service, "image");
      if (image && !built) this.#file.use(image, place);
      this.#mounts(place, service);
      this.#hooks(place, service);
      this.#kind(name, service);
    }
  }

  /** What the service is: it must be one of the kinds that this reader covers. */
  #kind(name: string, service: Service): void {
    const place = placeOf(name);
    const chain = this.#chain(name, service);
    if (this.#given(service, "provider"))
      this.#file.note(`${place} is run by a provider: what that fetches is not verified.`);
    else if (!chain.some((each) => this.#given(each, "image") ?? this.#given(each, "build"))) {
      throw this.#invalid(name, `${place} has neither image nor build; name one.`);
    }
    const imaged = chain.find((each) => this.#given(each, "image"));
    if (imaged === undefined || !this.#given(imaged, "build")) return;
    const policy = chain.map((each) => this.#given(each, "pull_policy")).find((each) => each !== undefined);
    const said = policy && this.#file.textOf(policy, `${place}.pull_policy`);
    if (said === "build" || said === "never") return;
    throw this.#invalid(
      name,
      `${place} has image and build: Compose tries to pull before it builds; write pull_policy: build.`,
    );
  }

  #extends(name: string, service: Service): void {
    const value = this.#given(service, "extends");
    if (value === undefined) return;
    const place = `${placeOf(name)}.extends`;
    const base = this.#base(value, place);
    if (!this.#all.has(base))
      throw this.#file.invalid(value, `${place} names no service of this file: ${shown(base)}.`);
  }

  #base(value: Value, place: string): string {
    if (this.#file.tree.isText(value)) return this.#file.textOf(value, place);
    const entries = this.#file.entries(value, place, ["service", "file"]);
    if (this.#file.given(entries.get("file"))) {
      throw this.#file.invalid(
        value,
        `${place} names another file; give the result of \`docker compose config\`.`,
      );
    }
    const base = entries.get("service");
    if (base === undefined) throw this.#file.invalid(value, `${place} names no service.`);
    return this.#file.textOf(base, `${place}.service`);
  }

  /** The service and what it extends, the nearest first. */
  #chain(name: string, service: Service): readonly Service[] {
    const chain: Service[] = [];
    for (let each: Service | undefined = service; each !== undefined; ) {
      if (chain.length === longestChain || chain.includes(each)) {
        throw this.#invalid(
          name,
          `${placeOf(name)} extends itself, or through more than ${longestChain} services.`,
        );
      }
      chain.push(each);
      const value: Value | undefined = this.#given(each, "extends");
      each = value && this.#all.get(this.#base(value, placeOf(name)));
    }
    return chain;
  }

  #mounts(place: string, service: Service): void {
    const volumes = this.#given(service, "volumes");
    if (volumes === undefined) return;
    for (const [index, volume] of this.#file.tree.items(volumes, `${place}.volumes`).entries()) {
      if (this.#file.tree.isText(volume)) continue;
      const at = `${place}.volumes[${index}]`;
      const entries = this.#file.entries(volume, at, mountKeys);
      const type = entries.get("type");
      if (type === undefined) throw this.#file.invalid(volume, `${at} has no type; name one.`);
      if (this.#file.textOf(type, `${at}.type`) !== "image") continue;
      const image = entries.get("source");
      if (image === undefined)
        throw this.#file.invalid(volume, `${at} is an image mount without source; name the image.`);
      this.#file.use(image, at);
    }
  }

  #hooks(place: string, service: Service): void {
    const hooks = this.#given(service, "pre_start");
    if (hooks === undefined) return;
    for (const [index, hook] of this.#file.tree.items(hooks, `${place}.pre_start`).entries()) {
      const at = `${place}.pre_start[${index}]`;
      const image = this.#given(this.#file.entries(hook, at, hookKeys), "image");
      if (image) this.#file.use(image, at);
    }
  }

  #given(service: Service, key: string): Value | undefined {
    return this.#file.given(service.get(key));
  }

  #invalid(name: string, sentence: string): Error {
    const first = [...(this.#all.get(name)?.values() ?? [])][0];
    return this.#file.invalid(first ?? this.#file.tree.root(), sentence);
  }
}

function placeOf(name: string): string {
  return `services[${name}]`;
}
