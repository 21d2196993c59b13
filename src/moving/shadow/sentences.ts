/**
 * What is said of a difference: first what is, with names and versions, as it was compared; then what can be done about it. No
 * sentence says more than was looked at: that a file is older says nothing of who made the newer one.
 */
import { withoutEnd } from "../report.ts";
import type { Fact, Places } from "./difference.ts";

export function sentenceOf(repository: string, fact: Fact, { here, there }: Places): string {
  const { role, version, fault, newer } = fact;
  const bring = `vidimus import notary ${there} ${repository}`;
  const back = `vidimus export notary ${there} ${repository}`;
  const intoTables = `bring it into its database (${back} --server-db)`;
  const what = role === undefined ? repository : `${role} of ${repository}`;
  const versions = `${here} is at ${role} ${fact.here?.version} of ${repository}, ${there} at ${fact.there?.version}`;
  // Without the older file at the newer side nobody can say whether one came of the other.
  const trace =
    fact.isTraced === false ? ", and the newer side has the older one no more to compare it with" : "";
  const why = fault === undefined ? "" : `${fault.code}: ${withoutEnd(fault.sentence)}`;
  switch (fact.code) {
    case "MISSING_HERE":
      if (role === undefined) {
        return `${there} serves ${repository}, ${here} has none: ${bring}; or, if it was deleted here, have it deleted there.`;
      }
      if (role === "root")
        return `${here} lacks root ${version} of ${repository}, which ${olderReaders}: ${bring}`;
      if (newer === "here") {
        return `${there} serves ${what}, ${here} has none and a newer snapshot: if it was removed here, ${back}`;
      }
      return newer === "there"
        ? `${there} serves ${what}, ${here} has none and an older snapshot: ${bring}`
        : `${there} serves ${what}, ${here} has none, and both snapshots are of one version: ${bring}`;
    case "MISSING_THERE":
      if (role === undefined) {
        return `${here} serves ${repository}, ${there} has none: if it was deleted there, delete it here; if it was made here, ${back}`;
      }
      if (role === "root") {
        return `${there} lacks root ${version} of ${repository}, which ${olderReaders}: ${intoTables}.`;
      }
      if (newer === "there") {
        return `${here} serves ${what}, ${there} has none and a newer snapshot: if it was removed there, ${bring}`;
      }
      return newer === "here"
        ? `${here} serves ${what}, ${there} has none and an older snapshot: ${back}`
        : `${here} serves ${what}, ${there} has none, and both snapshots are of one version: ${intoTables}.`;
    case "OLDER_HERE":
      return `${versions}${trace}: ${bring}`;
    case "OLDER_THERE":
      return `${versions}${trace}: if readers still ask ${there}, ${back}`;
    case "EXPIRED_HERE":
      return `${versions}${trace}; clients refuse the one of ${here}, which has expired: ${bring}`;
    case "EXPIRED_THERE":
      return `${versions}${trace}; clients refuse the one of ${there}, which has expired: ${back}`;
    case "DIFFERENT": {
      const newest = [fact.here?.version, fact.there?.version];
      const isNewest = newest.every((each) => each === version);
      const both = isNewest
        ? `Both servers have ${role} ${version} of ${repository}, with different bytes`
        : `Both servers have ${role} ${version} of ${repository}, with different bytes, ${here} being at ${newest[0]} and ${there} at ${newest[1]}`;
      if (role === "timestamp") return `${both}: it was signed twice, so let one server sign alone.`;
      return role === "snapshot"
        ? `${both}: if both hold its key, let one server sign alone; if its owner signs it, ask whose is right.`
        : `${both}: let nobody publish before its owner says whose is right.`;
    }
    case "UNUSABLE_HERE":
      return `What ${here} serves of ${repository} does not verify (${why}): stop that server and let vidimus fsck look at it.`;
    case "UNUSABLE_THERE":
      return `What ${there} serves of ${repository} does not verify (${why}): nobody can take it over before its owner has mended it there.`;
  }
}

const olderReaders = "readers that trust an older root follow";
