import { beforeEach, describe, expect, it } from "vitest";
import { judged, ruled, said } from "../../support/judging.ts";
import { Publishing } from "../../support/publishing.ts";
import { newKey } from "../../support/simulator.ts";

let publishing: Publishing;
beforeEach(async () => {
  publishing = await Publishing.create();
});

const two = (role: string) => ruled({ roles: { [role]: { minThreshold: 2 } } });

describe("signatures on a file", () => {
  it("are as many as the policy demands, whatever the metadata says", () => {
    const { sim } = publishing;
    expect(judged(publishing, two("targets"))).toMatchObject([
      { code: "POLICY_THRESHOLD", role: "targets", detail: { needed: 2, signed: 1, missing: [] } },
      { code: "THRESHOLD_TOO_LOW", role: "root" },
    ]);
    sim.targetsOf("targets").keys = [newKey(), newKey()];
    sim.targetsOf("targets").threshold = 2;
    sim.publish();
    expect(judged(publishing, two("targets"))).toEqual([]);
  });

  it("are missed by name, with the way to collect them", () => {
    const { sim } = publishing;
    const [signer, absent] = [newKey(), newKey()];
    Object.assign(sim.targetsOf("targets"), { keys: [signer, absent], signers: [signer] });
    sim.publish();
    const [finding] = judged(publishing, two("targets"));
    expect(finding?.detail?.missing).toEqual([absent.listed.id]);
    expect(finding?.fix).toContain(absent.listed.id);
    expect(finding?.fix).toContain("vidimus proposal open");
  });

  it("count by distinct keys of the role that its parent gives it, uploaded or stored", () => {
    const { sim } = publishing;
    publishing.accept();
    sim.delegate("targets/releases", { keys: [newKey(), newKey()], threshold: 2 });
    sim.publish();
    expect(judged(publishing, two("targets/releases"))).toEqual([]);
    publishing.accept();
    const releases = sim.targetsOf("targets/releases");
    releases.signers = releases.keys.slice(0, 2);
    releases.names.set("x", [...sim.targetsOf("targets").names.values()][0] ?? expect.unreachable());
    sim.publish();
    expect(said(judged(publishing, ruled({ roles: { "targets/releases": { minThreshold: 3 } } })))).toEqual([
      "POLICY_THRESHOLD targets/releases",
    ]);
  });

  it("of a root are demanded with root.minThreshold", () => {
    expect(said(judged(publishing, ruled({ root: { minThreshold: 2 } })))).toEqual([
      "POLICY_THRESHOLD root",
      "THRESHOLD_TOO_LOW root",
    ]);
  });

  it("by algorithms that are not allowed do not count, and it is said why", () => {
    const { sim } = publishing;
    Object.assign(sim.targetsOf("targets"), { keys: [newKey("ed25519"), newKey()], threshold: 2 });
    sim.publish();
    const [finding] = judged(publishing, ruled({ algorithms: ["ecdsa-p256"] }));
    expect(finding).toMatchObject({ code: "POLICY_THRESHOLD", detail: { needed: 2, signed: 1 } });
    expect(finding?.sentence).toContain("1 more by ed25519");
  });
});

describe("a threshold that is set", () => {
  it("for a delegation is held to what the policy demands of that role", () => {
    const { sim } = publishing;
    sim.delegate("targets/releases", { filed: false });
    sim.delegate("targets/other", { filed: false });
    sim.publish();
    expect(judged(publishing, two("targets/releases"))).toMatchObject([
      {
        code: "THRESHOLD_TOO_LOW",
        role: "targets",
        detail: { of: "targets/releases", threshold: 1, least: 2 },
      },
    ]);
  });

  it("for every delegation, with targets/**, where a role has no entry of its own", () => {
    const { sim } = publishing;
    Object.assign(sim.targetsOf("targets"), { keys: [newKey(), newKey()], threshold: 2 });
    for (const role of ["targets/a", "targets/b"]) sim.delegate(role, { filed: false });
    sim.publish();
    const policy = ruled({
      roles: { "targets/**": { minThreshold: 2 }, "targets/a": { minThreshold: 1 } },
    });
    expect(judged(publishing, policy)).toMatchObject([
      { code: "THRESHOLD_TOO_LOW", detail: { of: "targets/b" } },
    ]);
  });

  it("is not asked again of who does not publish it", () => {
    publishing.accept();
    publishing.release();
    expect(said(judged(publishing, two("targets")))).toEqual(["POLICY_THRESHOLD targets"]);
  });
});
