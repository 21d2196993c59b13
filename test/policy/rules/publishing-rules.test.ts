/** The rules of a policy file for publications that need few words each. */
import { beforeEach, describe, expect, it } from "vitest";
import { judged, ruled, said } from "../../support/judging.ts";
import { Publishing } from "../../support/publishing.ts";
import { newKey, someTarget } from "../../support/simulator.ts";

let publishing: Publishing;
beforeEach(async () => {
  publishing = await Publishing.create();
});

describe("lifetimes", () => {
  it("are bounded for root, targets and delegations, each by its own", () => {
    const { sim } = publishing;
    sim.delegate("targets/releases");
    sim.publish();
    const policy = ruled({
      root: { maxLifetime: "3599d" },
      roles: { targets: { maxLifetime: "1094d" }, "targets/releases": { maxLifetime: "90d" } },
    });
    expect(said(judged(publishing, policy))).toEqual([
      "LIFETIME root",
      "LIFETIME targets",
      "LIFETIME targets/releases",
    ]);
  });

  it("are counted from the instant of publishing, the allowed one included", () => {
    const policy = ruled({ roles: { targets: { maxLifetime: "1095d" } } });
    expect(judged(publishing, policy)).toEqual([]);
    publishing.sim.now -= 1_000;
    expect(said(judged(publishing, policy))).toEqual(["LIFETIME targets"]);
  });
});

describe("algorithms", () => {
  it("of the keys that a root gives, online ones included", () => {
    const { sim } = publishing;
    sim.snapshot.keys = [newKey("ed25519")];
    sim.publish();
    const found = judged(publishing, ruled({ algorithms: ["ecdsa-p256"] }));
    expect(found).toMatchObject([
      { code: "ALGORITHM_NOT_ALLOWED", role: "root", detail: { of: "snapshot", algorithms: ["ed25519"] } },
    ]);
    expect(found[0]?.fix).toContain("signer.algorithm");
  });

  it("of the keys that a delegation is given", () => {
    const { sim } = publishing;
    sim.delegate("targets/a", { keys: [newKey("ed25519"), newKey("ed25519")], filed: false });
    sim.publish();
    expect(judged(publishing, ruled({ algorithms: ["ecdsa-p256"] }))).toMatchObject([
      { code: "ALGORITHM_NOT_ALLOWED", role: "targets", detail: { of: "targets/a" } },
    ]);
  });
});

describe("paths", () => {
  const policy = ruled({ roles: { "targets/a": { paths: ["a/", "b/c"] } } });

  it.each<[readonly string[], readonly string[]]>([
    [["a/"], []],
    [["a/x", "b/cd"], []],
    [[], []],
    [[""], ["DELEGATION_PATHS targets"]],
    [["a/", "b/"], ["DELEGATION_PATHS targets"]],
    [["a"], ["DELEGATION_PATHS targets"]],
  ])("of a delegation, %j", (paths, expected) => {
    const { sim } = publishing;
    sim.delegate("targets/a", { paths: [...paths], filed: false });
    sim.publish();
    expect(said(judged(publishing, policy))).toEqual(expected);
  });

  it("hold for the names in a file, also where the delegation was wider before", () => {
    const { sim } = publishing;
    publishing.accept();
    const role = sim.delegate("targets/a");
    role.names.set("a/good", someTarget("x"));
    sim.publish();
    publishing.accept();
    for (const name of ["z/one", "z/two"]) role.names.set(name, someTarget(name));
    sim.publish();
    const [finding] = judged(publishing, policy);
    expect(finding).toMatchObject({ code: "NAME_OUTSIDE_PATHS", role: "targets/a", detail: { names: 2 } });
    expect(finding?.sentence).toContain('"z/one"');
  });

  it("of targets itself bound its names", () => {
    const found = judged(publishing, ruled({ roles: { targets: { paths: ["other"] } } }));
    expect(said(found)).toEqual(["NAME_OUTSIDE_PATHS targets"]);
  });

  it("that say nothing allow no name", () => {
    expect(said(judged(publishing, ruled({ roles: { targets: { paths: [] } } })))).toEqual([
      "NAME_OUTSIDE_PATHS targets",
    ]);
  });
});

describe("a version", () => {
  const policy = ruled({ maxVersionStep: 2 });
  const at = (version: number) => {
    publishing.sim.targetsOf("targets").version = version;
    publishing.release();
    return said(judged(publishing, policy));
  };

  it("of a first file counts from 1, which stock clients never publish", () => {
    expect(at(3)).toEqual([]);
    expect(at(4)).toEqual(["POLICY_VERSION_STEP targets"]);
  });

  it("of a later file counts from the current one", () => {
    publishing.accept();
    expect(at(3)).toEqual([]);
    expect(at(4)).toEqual(["POLICY_VERSION_STEP targets"]);
  });
});

describe("roles that are required to agree", () => {
  const warned = (require: readonly string[]) => {
    const key = newKey();
    for (const role of ["targets/a", "targets/b"])
      publishing.sim.delegate(role, { keys: [key], filed: false });
    publishing.sim.publish();
    return judged(publishing, ruled({ require }));
  };

  it("are warned of one key in two of them", () => {
    expect(warned(["targets/a", "targets/b"])).toMatchObject([{ code: "SHARED_KEY", severity: "warn" }]);
  });

  it("and nobody is, where the policy requires nothing of one", () => {
    expect(warned(["targets/a"])).toEqual([]);
  });
});
