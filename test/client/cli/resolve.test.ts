import { beforeEach, describe, expect, it } from "vitest";
import { usageExit } from "../../../src/client/cli/report.ts";
import { endings } from "../../../src/client/errors.ts";
import { runClient, type Said, type World } from "../../support/client-cli.ts";
import { deadPort } from "../../support/fetching.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import { type Simulator, simulatedNow, someTarget } from "../../support/simulator.ts";
import { simulated, siteOf } from "../../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
const digest = (content: string) => `sha256:${someTarget(content).sha256}`;
let sim: Simulator;
let folder: Folder;
let url: string;

beforeEach(async () => {
  sim = await simulated(name, "1", "2", "kernel.tar");
  ({ url } = await siteOf(sim));
  folder = folderWith({
    "policy.yaml": `repositories:\n  - match: registry.example.test/**\n    tofu: true\n`,
    "kernel.tar": "kernel.tar",
    "other.tar": "other",
  });
});

function run(argv: readonly string[], world: World = {}): Promise<Said> {
  const policy = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache"), "--server", url];
  return runClient([...argv, ...policy], world);
}

describe("resolve", () => {
  it("prints a reference a line, in the order given", async () => {
    const { code, out, err } = await run(["resolve", `${name}:2`, `${name}:1`]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(`${name}:2@${digest("2")}\n${name}:1@${digest("1")}\n`);
  });

  it("prints a document with an entry for each, refusals among them", async () => {
    const { code, err, json } = await run(["resolve", `${name}:1`, `${name}:none`, "--json"]);
    expect([code, err]).toEqual([endings.unsigned.exit, ""]);
    expect(json()).toEqual({
      format: "vidimus-resolve/1",
      results: [
        { subject: `${name}:1`, image: expect.objectContaining({ digest: digest("1"), role: "targets" }) },
        {
          subject: `${name}:none`,
          refusal: expect.objectContaining({
            subject: `${name}:none`,
            code: "NOT_SIGNED",
            ending: "unsigned",
          }),
        },
      ],
    });
  });

  it("prints no reference where one of them is refused", async () => {
    const { code, out, err } = await run(["resolve", `${name}:1`, `${name}:none`, "UPPER"]);
    expect([code, out]).toEqual([endings.unsigned.exit, ""]);
    expect(err).not.toContain(`${name}:1 `);
    expect(err).toContain("[NOT_SIGNED]");
    expect(err).toContain("[REFERENCE_INVALID]");
    expect(err).toMatch(/\n1 of 3 verified\n$/);
    expect((await run(["resolve", `${name}:none`])).err).not.toContain("verified");
  });

  it("asks nobody where the server that is named is not the one that the policy leads to", async () => {
    folder.write("policy.yaml", `server: ${url}\nrepositories:\n  - { match: "**", tofu: true }\n`);
    const given = (...more: string[]) => [
      ...["resolve", `${name}:1`, "--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")],
      ...more,
    ];
    const { code, err } = await runClient(given("--server", "https://127.0.0.1:1"));
    expect(code).toBe(usageExit);
    expect(err).toContain(url);
    expect(err).toMatch(/^--server would be of no use: .* Leave it out, or /);
    folder.write("ca.pem", "");
    const both = await runClient(given("--server", "https://127.0.0.1:1", "--ca", folder.at("ca.pem")));
    expect(both.err).toMatch(/^--server and --ca would be of no use: .* Leave them out, or /);
    expect((await runClient(given("--server", `${url}/`))).code).toBe(0);
    const byDefault = { env: { VIDIMUS_SERVER: "https://127.0.0.1:1" } };
    expect((await runClient(given(), byDefault)).code).toBe(0);
  });

  it.each<[string, readonly string[], World]>([
    ["a flag", ["--policy", ""], {}],
    ["another flag", ["--docker-config", ""], {}],
    ["the environment", [], { env: { VIDIMUS_POLICY: "" } }],
  ])("takes nothing for no policy that %s leaves empty", async (_, flags, world) => {
    const given = ["resolve", `${name}:1`, "--server", url, "--cache", folder.at("cache"), ...flags];
    expect((await runClient(given, world)).code).toBe(usageExit);
  });

  it("takes a request from standard input", async () => {
    const request = { format: "vidimus-request/1", references: [`${name}:1`] };
    const { code, out } = await run(["resolve", "-"], { stdin: JSON.stringify(request) });
    expect([code, out]).toEqual([0, `${name}:1@${digest("1")}\n`]);
  });

  it.each([
    ["no JSON", "{", endings.input.exit],
    ["another format", '{"format":"vidimus-request/2"}', endings.input.exit],
    ["an unknown key", '{"format":"vidimus-request/1","reference":"a"}', endings.input.exit],
    ["a list that is none", '{"format":"vidimus-request/1","references":"a"}', endings.input.exit],
    [
      "a file without its target",
      '{"format":"vidimus-request/1","files":[{"path":"a"}]}',
      endings.input.exit,
    ],
    [
      "files",
      '{"format":"vidimus-request/1","files":[{"path":"a","repository":"b","target":"c"}]}',
      endings.input.exit,
    ],
  ])("refuses a request with %s", async (_, stdin, exit) => {
    const { code, out, err } = await run(["resolve", "-"], { stdin });
    expect([code, out]).toEqual([exit, ""]);
    expect(err).not.toBe("");
    const { json } = await run(["resolve", "-", "--json"], { stdin });
    expect(json()).toMatchObject({
      format: "vidimus-refusal/1",
      refusals: [{ code: "INPUT_INVALID", file: "-", line: 1 }],
    });
  });

  it.each([
    ["{}", '"format" of the request must be "vidimus-request/1".'],
    [
      '{"format":"vidimus-request/1","refs":[]}',
      'unknown key "refs"; what can stand here is "format", "references"',
    ],
    ['{"format":"vidimus-request/1","reference":[]}', 'unknown key "reference"; did you mean "references"?'],
    [
      '{"format":"vidimus-request/1","files":[{"path":"a","repository":"b","target":"c"}]}',
      "is for `verify -`",
    ],
  ])("says what a request must be: %s", async (stdin, words) => {
    expect((await run(["resolve", "-"], { stdin })).err).toContain(words);
  });

  it("ends with the worst of all codes", async () => {
    sim.break.flipSignature("timestamp");
    const { code } = await run(["resolve", "UPPER", "registry.example.test/absent/x:1", `${name}:1`]);
    expect(code).toBe(endings.unauthentic.exit);
  });

  it.each(["resolve", "verify"])(
    "%s refuses a lock that is damaged, or named and not there",
    async (command) => {
      folder.write("vidimus.lock", "{}\n");
      for (const file of ["vidimus.lock", "none.lock"]) {
        const { code, err } = await run([command, `${name}:1`, "--lock", folder.at(file)]);
        expect([code, err]).toEqual([endings.lockFile.exit, expect.stringContaining(folder.at(file))]);
        const remedy = `\nvidimus-client lock FILE --lock ${folder.at(file)}\n`;
        expect(err.includes(remedy)).toBe(file === "none.lock");
      }
    },
  );

  it("ends as the policy does where the policy or an authority is missing", async () => {
    const own = ["--cache", folder.at("cache"), "--server", "https://127.0.0.1:1"];
    for (const flags of [
      ["--policy", folder.at("absent")],
      ["--policy", folder.at("policy.yaml"), "--ca", folder.at("absent")],
    ])
      expect((await runClient(["resolve", `${name}:1`, ...own, ...flags])).code).toBe(
        endings.policyFile.exit,
      );
  });

  it("takes policy, server and cache from the environment", async () => {
    const env = {
      VIDIMUS_POLICY: folder.at("policy.yaml"),
      VIDIMUS_SERVER: url,
      VIDIMUS_CACHE: folder.at("cache"),
    };
    const { code, out } = await runClient(["resolve", `${name}:1`], { env });
    expect([code, out]).toEqual([0, `${name}:1@${digest("1")}\n`]);
    expect(Object.keys(folder.contents()).some((each) => each.startsWith("cache/v1/"))).toBe(true);
  });

  it("without a policy wants a pin", async () => {
    const argv = ["resolve", `${name}:1`, "--server", url, "--cache", folder.at("cache")];
    const { code, err } = await runClient(argv);
    expect([code, err]).toEqual([endings.policy.exit, expect.stringContaining("[NO_PIN]")]);
  });

  it("names doctor with the server where that cannot be reached", async () => {
    const dead = `http://127.0.0.1:${await deadPort()}`;
    const argv = ["resolve", `${name}:1`, "--server", dead, "--cache", folder.at("cache")];
    const { code, err } = await runClient([...argv, "--policy", folder.at("policy.yaml")]);
    expect([code, err]).toEqual([endings.unreachable.exit, expect.stringContaining("[UNREACHABLE]")]);
    expect(err).toMatch(
      new RegExp(`\nvidimus-client doctor --policy ${folder.at("policy.yaml")} --server ${dead}\n$`),
    );
  });

  it("names the rule that was meant, and the command that adds one", async () => {
    const argv = (reference: string) => ["resolve", reference, "--json"];
    const refusalOf = async (reference: string) => {
      const { code, json } = await run(argv(reference));
      expect(code).toBe(endings.policy.exit);
      const { results } = json() as { results: { refusal: { code: string; what: string; next: string } }[] };
      return results[0]?.refusal;
    };
    expect(await refusalOf("registry.exmaple.test/acme/kernel:1")).toMatchObject({
      code: "NO_RULE",
      what: `No rule of the policy speaks for registry.exmaple.test/acme/kernel. Did you mean the rule registry.example.test/** (${folder.at("policy.yaml")}:2)?`,
      next: `If the name is right, add a rule for it: vidimus-client pin add registry.exmaple.test/acme/kernel --policy ${folder.at("policy.yaml")} --server ${url}`,
    });
    expect(await refusalOf("nginx")).toMatchObject({
      code: "NO_RULE",
      what: "No rule of the policy speaks for docker.io/library/nginx.",
      next: expect.stringContaining(
        "Add a rule for this name: vidimus-client pin add docker.io/library/nginx ",
      ),
    });
  });

  it("names file and line of a policy that it does not understand", async () => {
    folder.write("policy.yaml", "repositories:\n  - match: a/b\n    tofoo: true\n");
    const { code, err } = await run(["resolve", `${name}:1`]);
    expect(code).toBe(endings.policyFile.exit);
    expect(err).toContain(`${folder.at("policy.yaml")}:3: `);
  });

  it("shows no control character of an argument", async () => {
    const { code, err } = await run(["resolve", "a\u001b[31m\u0007b"]);
    expect(code).toBe(endings.input.exit);
    expect(err.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  it("wraps its table to the terminal", async () => {
    const { err } = await run(["resolve", `${name}:none`], { columns: 80 });
    const lines = err.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("shows progress on a terminal only", async () => {
    const { err, out } = await run(["resolve", `${name}:1`], { isTerminal: true });
    expect(err).toBe(`\r\u001b[Kverified 1 of 1  ${name}:1\r\u001b[K`);
    expect(out).toBe(`${name}:1@${digest("1")}\n`);
  });
});

describe.each(["resolve", "verify"])("%s with a lock", (command) => {
  const ask = (...references: string[]) =>
    run([command, ...references, "--lock", folder.at("vidimus.lock"), "--json"]);

  beforeEach(async () => {
    folder.write("images.txt", `${name}:1\n`);
    expect((await run(["lock", folder.at("images.txt"), "--lock", folder.at("vidimus.lock")])).code).toBe(0);
  });

  it("is content where nothing moved, whether the lock knows the reference or not", async () => {
    expect((await ask(`${name}:1`, `${name}:2`)).code).toBe(0);
  });

  it("refuses a digest that is signed now and is not the one in the lock", async () => {
    sim.targetsOf("targets").names.set("1", someTarget("moved"));
    sim.publish();
    for (const reference of [`${name}:1`, `${name}:1@${digest("moved")}`]) {
      const { code, json } = await ask(reference, `${name}:2`);
      expect(code).toBe(endings.moved.exit);
      expect(json()).toMatchObject({
        results: [
          {
            subject: reference,
            refusal: { code: "MOVED", detail: { from: digest("1"), to: digest("moved") } },
          },
          { subject: `${name}:2`, image: { digest: digest("2") } },
        ],
      });
    }
    expect((await ask(`${name}@${digest("moved")}`)).code).toBe(0);
  });

  it("refuses versions below those in it", async () => {
    folder.write("vidimus.lock", folder.read("vidimus.lock").replace(/"timestamp": \d+/, '"timestamp": 99'));
    const { code, json } = await ask(`${name}:1`);
    expect(code).toBe(endings.stale.exit);
    expect(json()).toMatchObject({ results: [{ refusal: { code: "BELOW_LOCK" } }] });
  });
});

describe("verify", () => {
  const file = (path: string, target = "kernel.tar") => [
    ...["verify", folder.at(path), "--repository", name, "--target", target],
  ];

  it("says what a reference and a file are", async () => {
    expect((await run(["verify", `${name}:1@${digest("1")}`])).out).toBe(
      `${name}:1@${digest("1")} is ${digest("1")}, signed by targets\n`,
    );
    expect((await run(file("kernel.tar"))).out).toBe(
      `${folder.at("kernel.tar")} is kernel.tar of ${name}, signed by targets\n`,
    );
  });

  it("refuses another digest and another file", async () => {
    const other = await run(["verify", `${name}:1@${digest("2")}`]);
    expect([other.code, other.err]).toEqual([
      endings.unauthentic.exit,
      expect.stringContaining("[DIGEST_MISMATCH]"),
    ]);
    const { code, err } = await run(file("other.tar"));
    expect([code, err]).toEqual([endings.unauthentic.exit, expect.stringContaining("[FILE_MISMATCH]")]);
    expect((await run(file("absent.tar"))).code).toBe(endings.input.exit);
    expect((await run(file("kernel.tar", "none"))).code).toBe(endings.unsigned.exit);
  });

  it("takes references and files in one request, and answers in one document", async () => {
    const files = [
      { path: folder.at("kernel.tar"), repository: name, target: "kernel.tar" },
      { path: folder.at("other.tar"), repository: name, target: "kernel.tar" },
    ];
    const stdin = JSON.stringify({ format: "vidimus-request/1", references: [`${name}:1`], files });
    const { code, json } = await run(["verify", "-", "--json"], { stdin });
    expect(code).toBe(endings.unauthentic.exit);
    expect(json()).toEqual({
      format: "vidimus-verify/1",
      results: [
        { subject: `${name}:1`, image: expect.objectContaining({ reference: `${name}:1@${digest("1")}` }) },
        { subject: folder.at("kernel.tar"), target: expect.objectContaining({ target: "kernel.tar" }) },
        {
          subject: folder.at("other.tar"),
          refusal: expect.objectContaining({ code: "FILE_MISMATCH", file: folder.at("other.tar") }),
        },
      ],
    });
  });

  it.each([
    ["a repository without a target", ["a", "--repository", name]],
    ["a target without a repository", ["a", "--target", "x"]],
    ["two files", ["a", "b", "--repository", name, "--target", "x"]],
    ["nothing", []],
  ])("refuses %s", async (_, argv) => {
    expect((await run(["verify", ...argv])).code).toBe(usageExit);
  });

  it("says what a name without a host would be as an image's", async () => {
    folder.write("policy.yaml", "repositories:\n  - match: '**'\n    tofu: true\n");
    const { code, err } = await run(["verify", "a", "--repository", "acme/files", "--target", "x"]);
    expect([code, err]).toEqual([
      endings.unsigned.exit,
      expect.stringContaining("would be docker.io/acme/files"),
    ]);
  });

  it("says what is missing where a file was given as a reference", async () => {
    const { code, err } = await run(["verify", folder.at("kernel.tar")]);
    expect([code, err]).toEqual([
      endings.input.exit,
      expect.stringContaining("--repository NAME --target NAME"),
    ]);
    expect((await run(["verify", folder.at("absent.tar")])).err).not.toContain("--target");
    expect((await run(["verify", `${name}:1`])).code).toBe(0);
    // A name that is a reference as well.
    const odd = await run(["verify", "package.json"]);
    expect([odd.code, odd.err]).toEqual([
      endings.policy.exit,
      expect.stringContaining("verify package.json --repository NAME"),
    ]);
  });

  it("refuses a repository whose name no server takes", async () => {
    const { code, err } = await run([
      "verify",
      "a",
      "--repository",
      "registry.example.test/Not Good",
      "--target",
      "x",
    ]);
    expect([code, err]).toEqual([endings.input.exit, expect.stringContaining("[BAD_REPOSITORY_NAME]")]);
  });
});

it("the clock that is told is the one that expiry is judged by", async () => {
  const { code, err } = await run(["resolve", `${name}:1`], { now: () => simulatedNow + 15 * 86_400_000 });
  expect([code, err]).toEqual([endings.stale.exit, expect.stringContaining("[EXPIRED]")]);
});
